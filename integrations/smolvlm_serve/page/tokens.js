// The answer token by token, marked by its probability: by colour, by the line below it, and by its
// number, which is shown for the token under the pointer or the one that the arrow keys are on.

import { make } from "./dom.js";
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
  const show = (at) => {
    for (const each of spans) each.removeAttribute("aria-selected");
    spans[at].setAttribute("aria-selected", "true");
    list.setAttribute("aria-activedescendant", spans[at].id);
    list.dataset.at = at;
    readout.textContent = told(tokens[at]);
  };
  list.addEventListener("keydown", (event) => {
    const to = next(event.key, Number(list.dataset.at ?? -1), tokens.length);
    if (to === null) return;
    event.preventDefault();
    show(to);
  });
  list.addEventListener("focus", () => show(Number(list.dataset.at ?? 0)));
  list.addEventListener("pointerover", (event) => {
    const at = spans.indexOf(event.target);
    if (at >= 0) show(at);
  });
  return make("div", { class: "token-view" }, list, readout, legend());
}

function next(key, at, length) {
  const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: length - 1 }[key];
  return to === undefined ? null : Math.min(Math.max(0, to), length - 1);
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
