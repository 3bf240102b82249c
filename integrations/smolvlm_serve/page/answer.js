// An answer: the words, how sure the model was, and what it took.

import { bar } from "./bars.js";
import { make, seconds } from "./dom.js";
import { notices } from "./notices.js";
import { tokenViews } from "./tokens.js";

export function showAnswer(place, found) {
  place.replaceChildren(...[
    ...notices(found).map((text) => make("p", { class: "notice" }, text)),
    found.probabilities && options(found.probabilities),
    found.fieldConfidence && fields(found),
    confidence(found),
    cost(found),
    ...tokenViews(found.tokens),
  ].filter(Boolean));
}

function confidence({ confidence: share, fieldConfidence }) {
  const title = "How sure the model was of its words; not whether they are true";
  const name = fieldConfidence ? "Whole answer" : "Confidence";
  return make("div", { class: "confidence", title }, bar(name, share));
}

function options(probabilities) {
  const sorted = Object.entries(probabilities).sort((one, other) => other[1] - one[1]);
  const rows = sorted.map(([name, share]) => make("li", {}, bar(name, share)));
  return make("ul", { class: "bars options", "aria-label": "Probability of every answer" }, ...rows);
}

function fields({ text, fieldConfidence }) {
  const values = read(text);
  const rows = Object.entries(fieldConfidence).map(([pointer, share]) => {
    const name = pointer.slice(1).replaceAll("~1", "/").replaceAll("~0", "~");
    return make("li", {},
      make("div", { class: "value" }, make("b", {}, name), ` ${shown(values?.[name])}`),
      bar("Confidence", share));
  });
  return make("ul", { class: "bars fields", "aria-label": "Fields" }, ...rows);
}

const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value) ?? "");

function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // a cut answer; its text is shown as it is
  }
}

const tokens = (count) => `${count.toLocaleString("en")} ${count === 1 ? "token" : "tokens"}`;

function cost({ written, read: taken, seconds: total }) {
  const facts = [["Read", tokens(taken)], ["Wrote", tokens(written)], ["Took", seconds(total)]];
  return make("dl", { class: "facts" }, ...facts.map(([name, value]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}
