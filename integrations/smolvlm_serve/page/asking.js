// One request to its end: the answer as the page draws it, piece by piece where it is streamed.

import { events, postJson, send } from "./api.js";
import { isWhole, requestOf } from "./requests.js";

/**
 * Ask, and tell the text so far as it grows.
 *
 * Returns {text, value, fields, tokens, usage, worth, check}; with `stopped` where `signal` ended it.
 */
export async function ask(asked, signal, onText) {
  const { path, body } = requestOf(asked);
  if (isWhole(asked)) {
    const reply = await postJson(path, body, signal);
    onText(reply.text);
    const { text, usage, smolvlm: worth, check } = reply;
    return { text, ...valueOf(asked, reply), usage, worth, check, tokens: tokensOf(reply.logprobs) };
  }
  const stream = { stream: true, logprobs: true, stream_options: { include_usage: true } };
  const response = await send(path, { method: "POST", json: { ...body, ...stream }, signal });
  return read(response, asked, onText);
}

/** The value where a type was asked for; free text is no value. */
function valueOf({ kind }, { value }) {
  if (kind === "fields") return { fields: value };
  return kind === "ask" || kind === "transcribe" ? {} : { value };
}

async function read(response, asked, onText) {
  const answer = { text: "", tokens: null, usage: null, worth: null };
  try {
    for await (const chunk of events(response)) {
      const choice = chunk.choices[0];
      if (choice?.delta.content) onText((answer.text += choice.delta.content));
      if (choice?.logprobs) answer.tokens = tokensOf(choice.logprobs);
      if (chunk.smolvlm) answer.worth = chunk.smolvlm;
      if (chunk.usage) answer.usage = chunk.usage;
    }
  } catch (error) {
    if (error.name !== "AbortError") throw error;
    return { ...answer, stopped: true };
  }
  if (asked.kind === "fields") answer.fields = parsed(answer.text);
  return answer;
}

function tokensOf(logprobs) {
  return logprobs?.content.map(({ token, logprob }) => ({ text: token, probability: Math.exp(logprob) }));
}

/** The object that the text is, or null where it was cut. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
