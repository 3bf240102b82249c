// Probabilities as bars; each has its number beside it.

import { make } from "./dom.js";
import { percent } from "./words.js";

/** One bar; the number that it stands for is written elsewhere. */
export function bar(probability) {
  const filled = make("span", { class: "bar-filled" });
  filled.style.width = `${Math.max(0.5, probability * 100)}%`;
  return make("span", { class: "bar-track", "aria-hidden": "true" }, filled);
}

/** A list of options, the likeliest first. */
export function optionBars(probabilities) {
  const options = Object.entries(probabilities).sort(([, a], [, b]) => b - a);
  const rows = options.map(([name, probability], at) =>
    make(
      "li",
      { class: at === 0 ? "option first" : "option" },
      make("span", { class: "option-name" }, name),
      bar(probability),
      make("span", { class: "option-number" }, percent(probability)),
    ),
  );
  return make("ul", { class: "options", "aria-label": "Probability of every option" }, ...rows);
}

/** The values of fields, and how sure the model was of each. */
export function fieldTable(fields, confidence = {}) {
  const rows = Object.entries(fields).map(([name, value]) => {
    const sure = confidence?.[pointer(name)];
    return make(
      "tr",
      {},
      make("th", { scope: "row" }, name),
      make("td", value === null ? { class: "quiet" } : {}, shown(value)),
      make("td", { class: "sure" }, ...(sure === undefined ? ["–"] : [bar(sure), percent(sure)])),
    );
  });
  const heads = ["Field", "Value", "Confidence"].map((text) => make("th", { scope: "col" }, text));
  return make(
    "table",
    { class: "values" },
    make("thead", {}, make("tr", {}, ...heads)),
    make("tbody", {}, ...rows),
  );
}

/** The JSON pointer of a name at the top. */
const pointer = (name) => `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;

function shown(value) {
  if (value === null) return "not in the image";
  if (value === true) return "yes";
  if (value === false) return "no";
  return Array.isArray(value) ? value.join(", ") : String(value);
}
