// A share as a bar, coloured by how large it is.

import { make, percent } from "./dom.js";

// A bar with its name and its number; the bar itself says nothing more.
export function bar(name, share) {
  const level = make("div", { class: `level ${grade(share)}` });
  level.style.setProperty("width", `${share * 100}%`);
  return make("div", { class: "bar" },
    make("span", { class: "bar-name" }, name),
    make("div", { class: "bar-track", "aria-hidden": "true" }, level),
    make("span", { class: "bar-number" }, percent(share)));
}

export const grade = (share) => (share >= 0.9 ? "sure" : share >= 0.6 ? "fair" : "unsure");
