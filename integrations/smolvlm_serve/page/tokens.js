// The answer token by token, marked by its probability: by colour, by the line below it, and by its
// number, which is shown for the token under the pointer or the one that the arrow keys are on.

import { make } from "./dom.js";
import { listbox } from "./listbox.js";
import { percent } from "./words.js";

const BANDS = [
  [0.95, "sure", "95 % and more"],
  [0.8, "likely", "80 to 95 %"],
  [0.5, "unsure", "50 to 80 %"],
  [0, "guess", "below 50 %"],
];
const bandOf = (probability) => BANDS.find(([least]) => probability >= least)[1];

let count = 0;

/** The tokens as a list that is one stop of the Tab key, with a legend and the number of one. */
export function tokenView(tokens) {
  const own = `tokens-${++count}`;
  const readout = make("p", { class: "readout", "aria-hidden": "true" }, hint(tokens));
  const spans = tokens.map((token, at) => span(token, `${own}-${at}`, at === 0));
  const list = make(
    "div",
    { class: "tokens", role: "listbox", tabindex: "0", "aria-label": "Tokens of the answer; arrow keys move", id: own },
    ...spans,
  );
  listbox(list, spans, (at) => (readout.textContent = told(tokens[at])));
  return make("div", { class: "token-view" }, list, readout, legend());
}

function span({ text, probability }, id, first) {
  const special = isSpecial(text);
  const shown = special ? "end" : first ? text.trimStart() : text;
  return make(
    "span",
    {
      id, role: "option", class: `token ${bandOf(probability)}${special ? " special" : ""}`,
      title: percent(probability), "aria-label": `${special ? "end of the answer" : named(text)}, ${percent(probability)}`,
    },
    shown,
  );
}

const isSpecial = (text) => /^<[\w|]+>$/.test(text);
const named = (text) => (text === "\n" ? "line break" : text.trim() || "space");

const told = ({ text, probability }) =>
  `${isSpecial(text) ? "end of the answer" : `“${named(text)}”`}: ${percent(probability)}`;

function hint(tokens) {
  const least = tokens.reduce((a, b) => (b.probability < a.probability ? b : a));
  return `Least sure of ${told(least)}`;
}

function legend() {
  const marks = BANDS.map(([, band, text]) =>
    make("li", {}, make("span", { class: `token ${band}`, "aria-hidden": "true" }, "abc"), text),
  );
  return make("ul", { class: "legend", "aria-label": "Marks of the tokens by probability" }, ...marks);
}
