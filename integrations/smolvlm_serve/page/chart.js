// A line over time, with the last value beside its name.

import { draw, make } from "./dom.js";

const [WIDTH, HEIGHT, POINTS] = [240, 56, 30];

/** A chart that takes a value at a time: {element, add(value, text, limit)}. */
export function chart(name) {
  const values = [];
  const path = draw("path", { class: "chart-line" });
  const area = draw("path", { class: "chart-area" });
  const bound = draw("line", { class: "chart-bound", x1: 0, x2: WIDTH, visibility: "hidden" });
  const now = make("strong", {}, "–");
  const picture = draw(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    area, path, bound,
  );
  const element = make("figure", { class: "chart" }, make("figcaption", {}, name, now), picture);
  return {
    element,
    /** `limit` is drawn as a line across, if there is one. */
    add(value, text, limit = null) {
      values.push(value);
      values.splice(0, values.length - POINTS);
      now.textContent = text;
      const most = Math.max(...values, limit ?? 0, 1e-9) * 1.1;
      const y = (each) => HEIGHT - 2 - (each / most) * (HEIGHT - 4);
      const step = WIDTH / (POINTS - 1);
      const left = WIDTH - (values.length - 1) * step;
      const points = values.map((each, at) => `${(left + at * step).toFixed(1)} ${y(each).toFixed(1)}`);
      path.setAttribute("d", `M${points.join("L")}`);
      area.setAttribute("d", `M${left.toFixed(1)} ${HEIGHT}L${points.join("L")}L${WIDTH} ${HEIGHT}Z`);
      bound.setAttribute("visibility", limit ? "visible" : "hidden");
      for (const end of ["y1", "y2"]) bound.setAttribute(end, y(limit ?? 0));
    },
  };
}
