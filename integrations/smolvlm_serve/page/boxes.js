// The boxes of a check over the image. They are drawn in pixels of the image, so they stay where the
// print is however large it is shown.

import { byId, draw } from "./dom.js";
import { listbox } from "./listbox.js";
import { joined, told } from "./marks.js";
import { get } from "./state.js";

const AROUND = 2; // pixels of the screen between print and line
const SMALL = 14; // pixels of the screen: print that is lower is framed line by line, by thinner lines
let groups = []; // by row; null where a row has no box
let drawn = null; // the last {shown, width, height, svg}: drawn anew it would lose the focus

/** The boxes that belong to the page which is shown, or null. */
export function boxesHere() {
  const shown = get("boxes");
  return shown && shown.file === get("file")?.id && shown.page === get("page") ? shown : null;
}

/** An SVG of all boxes, for an image of this size of which `pixel` pixels are one of the screen. */
export function overlay(shown, width, height, pixel) {
  const isSame = drawn?.shown === shown && drawn.width === width && drawn.height === height;
  if (!isSame) drawn = { shown, width, height, svg: overlayOf(shown, width, height, pixel) };
  return drawn.svg;
}

function overlayOf({ rows, point, leave, open }, width, height, pixel) {
  const heights = rows.flatMap(({ boxes }) => boxes.map(({ box }) => heightOf(box))).sort((a, b) => a - b);
  const isSmall = heights[heights.length >> 1] < SMALL * pixel;
  groups = rows.map((row, at) => (row.boxes.length ? group(row, at, pixel, isSmall) : null));
  const options = groups.filter(Boolean);
  const list = { role: "listbox", tabindex: "0", "aria-label": "Boxes on the image; arrow keys move" };
  const svg = draw(
    "svg",
    { id: "boxes", class: isSmall ? "boxes small" : "boxes", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none",
      ...(options.length ? list : { "aria-hidden": "true" }) },
    ...options,
  );
  listbox(svg, options, (at) => point(groups.indexOf(options[at])));
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("blur", leave);
  svg.addEventListener("click", (event) => {
    const at = groups.indexOf(event.target.closest("[role=option]"));
    if (at >= 0) open(at);
  });
  return svg;
}

/** Bring one row's boxes out, or none with null. */
export function pointBoxes(at) {
  groups.forEach((each, number) => each?.classList.toggle("at", number === at));
}

export const showImage = () => byId("frame").scrollIntoView({ block: "nearest" });

/** Of the print: lines may run downwards. */
const heightOf = ({ left, top, right, bottom }) => Math.min(right - left, bottom - top);

function group(row, at, pixel, isSmall) {
  const pad = AROUND * pixel;
  const boxes = isSmall ? joined(row.boxes) : row.boxes;
  const rects = boxes.flatMap(({ box, kind }) => {
    const place = {
      x: box.left - pad, y: box.top - pad,
      width: box.right - box.left + 2 * pad, height: box.bottom - box.top + 2 * pad,
    };
    return [draw("rect", { class: "halo", ...place }), draw("rect", { class: kind, ...place })];
  });
  return draw("g", { id: `box-${at}`, role: "option", class: "box", "aria-label": told(row) }, ...rects);
}
