// The server: requests with the token, errors as it tells them, and streams of events.

import { askForToken, heldToken } from "./token.js";

export class ServerError extends Error {
  constructor(message, { status = 0, code = "", retryAfter = null } = {}) {
    super(message);
    Object.assign(this, { status, code, retryAfter });
  }
}

/** Send a request. JSON is sent as such, a form as it is; asks for the token on 401. */
export async function send(path, { method = "GET", json, form, signal } = {}) {
  for (;;) {
    const token = heldToken();
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    if (json !== undefined) headers["Content-Type"] = "application/json";
    const body = json === undefined ? form : JSON.stringify(json);
    const response = await reach(path, { method, headers, body, signal });
    if (response.ok) return response;
    const error = await errorOf(response);
    if (response.status !== 401 || !(await askForToken(token))) throw error;
  }
}

export const getJson = async (path, options) => (await send(path, options)).json();

export const postJson = async (path, json, signal) =>
  (await send(path, { method: "POST", json, signal })).json();

async function reach(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError("The server cannot be reached. Is it still running?");
  }
}

async function errorOf(response) {
  const told = await response.json().catch(() => ({}));
  const { message = `The server answered ${response.status}.`, code = "" } = told.error ?? {};
  const retryAfter = Number(response.headers.get("Retry-After")) || null;
  return new ServerError(message, { status: response.status, code, retryAfter });
}

/** The JSON of every server-sent event of a response; an error among them is thrown. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    held += value;
    const whole = held.split("\n\n");
    held = whole.pop();
    for (const event of whole) {
      const data = event.replace(/^data: ?/, "");
      if (data === "[DONE]") continue; // the stream is read to its end, which frees its connection
      const told = JSON.parse(data);
      if (told.error) throw new ServerError(told.error.message, { code: told.error.code });
      yield told;
    }
  }
}
