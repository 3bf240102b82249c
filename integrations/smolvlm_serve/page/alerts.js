// What went wrong, where everybody sees and hears it.

import { byId, make } from "./dom.js";

/** Show an error of the server or of this page; takes away what was shown before. */
export function alertOf(error) {
  if (error.name === "AbortError") return;
  const lines = [make("p", {}, sentence(error.message || String(error)))];
  if (error.status === 429) lines.push(make("p", {}, whenAgain(error.retryAfter)));
  if (error.code) lines.push(make("p", { class: "code" }, `${error.status || ""} ${error.code}`.trim()));
  byId("alerts").replaceChildren(
    make(
      "div",
      { class: "alert", role: "alert" },
      make("div", {}, ...lines),
      make("button", { type: "button", class: "plain", onclick: clearAlerts }, "Dismiss"),
    ),
  );
}

export function clearAlerts() {
  byId("alerts").replaceChildren();
}

const sentence = (text) => text[0].toUpperCase() + text.slice(1);

function whenAgain(retryAfter) {
  if (!retryAfter) return "The server is busy. Try again in a moment.";
  return `The server is busy. Try again in ${retryAfter} ${retryAfter === 1 ? "second" : "seconds"}.`;
}
