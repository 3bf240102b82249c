// The words of an answer piece by piece, coloured by how probable the model found each.

import { grade } from "./bars.js";
import { make, percent } from "./dom.js";

export function tokenViews(tokens) {
  const seen = tokens.filter(({ token }) => !/^<.*>$/.test(token)); // not those that end a turn
  if (!seen.length) return [];
  const pieces = seen.map(({ token, logprob }) => {
    const share = Math.exp(logprob);
    return make("span", { class: grade(share), title: percent(share) }, token);
  });
  return [make("details", {},
    make("summary", {}, "How sure of each word"),
    make("p", { class: "tokens", "aria-hidden": "true" }, ...pieces),
    legend(),
    make("details", {}, make("summary", {}, "As a list"),
      make("ol", { class: "token-list" }, ...seen.map(({ token, logprob }) =>
        make("li", {}, make("code", {}, JSON.stringify(token)), ` ${percent(Math.exp(logprob))}`)))))];
}

function legend() {
  const names = [["sure", "90% or more"], ["fair", "60% or more"], ["unsure", "less"]];
  return make("p", { class: "hint legend" }, ...names.map(([level, text]) =>
    make("span", { class: level }, text)));
}
