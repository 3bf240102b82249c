// Runs a job; whichever way it went, the answer has the same fields.

import { post, stream } from "./api.js";
import { request } from "./kinds.js";

// onText is called with all the text so far, each time more of it has come.
export async function run(job, signal, onText) {
  const { path, body } = request(job);
  if (path === "/v1/decide") return decided(await post(path, body, signal));
  if (!body.stream) return completed(await post(path, body, signal));
  return streamed(stream(path, body, signal), onText);
}

async function streamed(chunks, onText) {
  let text = "";
  let last = null;
  let usage = null;
  for await (const chunk of chunks) {
    const delta = chunk.choices[0]?.delta.content;
    if (delta) onText((text += delta));
    if (chunk.smolvlm) last = chunk;
    usage = chunk.usage ?? usage;
  }
  if (!last) throw new Error("The answer broke off: the connection to the server was lost.");
  return answer(text, last.choices[0].logprobs, last.smolvlm, usage);
}

function completed(reply) {
  const [choice] = reply.choices;
  return answer(choice.message.content, choice.logprobs, reply.smolvlm, reply.usage);
}

function answer(text, logprobs, smolvlm, usage) {
  return {
    text,
    tokens: logprobs?.content ?? [],
    confidence: smolvlm.confidence,
    probabilities: smolvlm.probabilities,
    fieldConfidence: smolvlm.field_confidence,
    flags: smolvlm.flags,
    finish: smolvlm.finish_reason,
    abstained: smolvlm.abstained,
    seconds: smolvlm.seconds.total,
    stages: smolvlm.seconds,
    written: usage?.completion_tokens,
    read: usage?.prompt_tokens,
  };
}

function decided(reply) {
  const found = reply.answers.q;
  return {
    text: inWords(found),
    tokens: [],
    confidence: found.confidence,
    probabilities: found.probabilities,
    fieldConfidence: null,
    flags: found.flags,
    finish: found.finish_reason,
    abstained: found.abstained,
    seconds: reply.usage.seconds,
    stages: null,
    written: reply.usage.completion_tokens,
    read: reply.usage.prompt_tokens,
  };
}

function inWords({ value }) {
  if (value === null) return "";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return String(value);
}
