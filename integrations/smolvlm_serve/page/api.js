// The server's answers as values, and its refusals as errors in its own words.

const TOKEN = "smolvlm-token";
let askToken = async () => null;

// Who asks the person for a token once the server wants one; resolves to null if they decline.
export function onTokenNeeded(ask) {
  askToken = ask;
}

export const hasToken = () => sessionStorage.getItem(TOKEN) !== null;

export class ServerError extends Error {
  constructor(message, code, status) {
    super(message);
    Object.assign(this, { code, status });
  }
}

async function send(path, options = {}) {
  for (;;) {
    const token = sessionStorage.getItem(TOKEN);
    const headers = { ...options.headers, ...(token && { Authorization: `Bearer ${token}` }) };
    const response = await reach(path, { ...options, headers });
    if (response.ok) return response;
    if (response.status !== 401) throw await refusal(response);
    const given = await askToken(token !== null);
    if (given === null) throw await refusal(response);
    sessionStorage.setItem(TOKEN, given);
  }
}

async function reach(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError("The server cannot be reached. Is it still running?", "unreachable", 0);
  }
}

async function refusal(response) {
  const body = await response.json().catch(() => null);
  const message = body?.error?.message ?? `The server answered ${response.status}.`;
  return new ServerError(message, body?.error?.code ?? null, response.status);
}

function json(body, signal) {
  const headers = { "Content-Type": "application/json" };
  return { method: "POST", headers, body: JSON.stringify(body), signal };
}

export const get = async (path, signal) => (await send(path, { signal })).json();
export const post = async (path, body, signal) => (await send(path, json(body, signal))).json();
export const blob = async (path, signal) => (await send(path, { signal })).blob();

export async function sendFile(file, signal) {
  const form = new FormData();
  form.append("file", file, file.name || "pasted.png");
  form.append("purpose", "user_data");
  return (await send("/v1/files", { method: "POST", body: form, signal })).json();
}

// The chunks of a streamed completion, as they come.
export async function* stream(path, body, signal) {
  const response = await send(path, json(body, signal));
  for await (const data of events(response.body)) {
    if (data === "[DONE]") return;
    const chunk = JSON.parse(data);
    if (chunk.error) throw new ServerError(chunk.error.message, chunk.error.code, 200);
    yield chunk;
  }
}

async function* events(bytes) {
  const reader = bytes.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const parts = (waiting + value).split("\n\n");
      waiting = parts.pop();
      for (const part of parts) if (part.startsWith("data: ")) yield part.slice(6);
    }
  } finally {
    reader.cancel().catch(() => {}); // the reader of an aborted answer has nothing left to cancel
  }
}
