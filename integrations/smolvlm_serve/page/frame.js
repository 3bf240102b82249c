// The image with the tiles drawn over it, and as coarse as the model gets it.

import { boxesHere, overlay } from "./boxes.js";
import { byId, draw, make } from "./dom.js";
import { get, planOf } from "./state.js";
import { plural, whole } from "./words.js";

let picture = null; // the <img>; null where the browser cannot show the format

export function setUpFrame() {
  byId("coarse").addEventListener("change", showGrid);
  byId("boxes-shown").addEventListener("change", showGrid);
}

/** Show the image at this address; false if the browser cannot. */
export async function showPicture(address, name) {
  const image = make("img", { src: address, alt: name });
  try {
    await image.decode();
  } catch {
    return false;
  }
  picture = image;
  uncover();
  return true;
}

/** Stand in for an image whose format the browser does not know. */
export function showUnseen(name) {
  picture = null;
  uncover();
  byId("frame").setAttribute("aria-label", name);
}

function uncover() {
  byId("empty").hidden = true;
  byId("frame").hidden = false;
  showGrid();
}

/** Draw what is shown anew: the image, or its coarse copy, and the boxes of a check or the tiles. */
export function showGrid() {
  const plan = planOf(get("resolution"))?.images[0];
  const parts = [];
  const coarse = picture && plan && byId("coarse").checked;
  if (coarse) parts.push(coarseCopy(plan));
  else if (picture) parts.push(picture);
  else parts.push(blank());
  fit(plan);
  const boxes = boxesHere();
  byId("boxes-row").hidden = !boxes;
  const size = plan ? [plan.width, plan.height] : [picture?.naturalWidth, picture?.naturalHeight];
  if (boxes && size[0] && byId("boxes-shown").checked) parts.push(overlay(boxes, ...size, pixelOf(size[0])));
  else if (plan) parts.push(grid(plan));
  const before = byId("frame").childNodes;
  const isSame = before.length === parts.length && parts.every((part, at) => part === before[at]);
  if (!isSame) byId("frame").replaceChildren(...parts); // else what has the focus keeps it
  byId("cut").textContent = plan ? describe(plan) : "";
}

/** Give the frame the image's shape: as wide as there is room, and no taller than the screen bears. */
function fit(plan) {
  const [width, height] = picture ? [picture.naturalWidth, picture.naturalHeight] : [plan?.width, plan?.height];
  if (!width) return;
  const frame = byId("frame");
  frame.style.aspectRatio = `${width} / ${height}`;
  frame.style.width = `min(100%, ${(width / height).toFixed(4)} * min(58vh, 26rem))`;
}

/** The image in the pixels that the model gets, which is an estimate: resampling differs a little. */
function coarseCopy(plan) {
  const canvas = make("canvas", {
    width: plan.resized_width, height: plan.resized_height, role: "img",
    "aria-label": `${picture.alt}, in ${plan.resized_width} by ${plan.resized_height} pixels`,
  });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas;
}

function blank() {
  const text = "The browser cannot show this format; the model can read it.";
  return make("div", { class: "blank" }, make("p", {}, text));
}

/** How many pixels of an image of this width are one of the screen. */
const pixelOf = (width) => width / (byId("frame").clientWidth || width);

/** Lines between the tiles and their numbers, in the order in which the model reads them. */
function grid(plan) {
  const [rows, cols] = [Math.max(1, plan.rows), Math.max(1, plan.cols)];
  const [width, height] = [plan.width / cols, plan.height / rows];
  const pixel = pixelOf(plan.width);
  const size = Math.max(15 * pixel, Math.min(26 * pixel, Math.min(width, height) / 8));
  const lines = [draw("rect", { x: 0, y: 0, width: plan.width, height: plan.height })];
  for (let col = 1; col < cols; col++) lines.push(line(col * width, 0, col * width, plan.height));
  for (let row = 1; row < rows; row++) lines.push(line(0, row * height, plan.width, row * height));
  const numbers = [];
  for (let row = 0; row < rows; row++)
    for (let col = 0; col < cols; col++) {
      const number = row * cols + col + 1;
      numbers.push(mark(number, col * width + size * 0.35, row * height + size * 0.35, size));
    }
  return draw(
    "svg",
    { class: "grid", viewBox: `0 0 ${plan.width} ${plan.height}`, "aria-hidden": "true",
      preserveAspectRatio: "none" },
    draw("g", { class: "halo" }, ...lines.map((each) => each.cloneNode())),
    draw("g", { class: "lines" }, ...lines),
    ...(rows * cols > 1 ? numbers : []),
  );
}

const line = (x1, y1, x2, y2) => draw("line", { x1, y1, x2, y2 });

function mark(number, x, y, size) {
  const wide = size * (number > 9 ? 1.35 : 1);
  return draw(
    "g",
    { class: "mark" },
    draw("rect", { x, y, width: wide, height: size, rx: size * 0.2 }),
    draw("text", { x: x + wide / 2, y: y + size * 0.72, "font-size": size * 0.62 }, String(number)),
  );
}

function describe(plan) {
  const given = `${whole(plan.width)} × ${whole(plan.height)} pixels`;
  const seen = `${whole(plan.resized_width)} × ${whole(plan.resized_height)}`;
  if (plan.rows * plan.cols < 2) return `${given}, seen as one tile of ${seen}.`;
  const grid = `${plan.rows} ${plan.rows === 1 ? "row" : "rows"} of ${plural(plan.cols, "tile")}`;
  return `${given}, seen as ${seen}: ${grid}, and the whole image once more in one.`;
}
