// What a second reader found, on an answer's card: how far both agree, where they differ, both texts.

import { bar } from "./bars.js";
import { pointBoxes, showImage } from "./boxes.js";
import { make } from "./dom.js";
import { listbox } from "./listbox.js";
import { how, KINDS, rowsOf, told } from "./marks.js";
import { get, set } from "./state.js";
import { percent } from "./words.js";

let count = 0;

/** The parts of a card that tell of the check, if the answer has one. */
export function checkParts(asked, answer) {
  const { check } = answer;
  if (!check) return [];
  const rows = rowsOf(check, answer);
  const nothing = check.agreement === null ? "There is no value to look for." : "Neither reader found words.";
  const list = rows.length ? rowList(rows, asked) : make("p", { class: "quiet" }, nothing);
  if (check.agreement === null) return [make("h4", {}, "Where it is printed"), list];
  return [agreement(check), list, legend(), texts(check)];
}

function agreement({ agreement, recognizer }) {
  const title = make("p", {}, make("span", {}, `Agreement with ${recognizer} `), make("strong", {}, percent(agreement)));
  return make("div", { class: "confidence" }, title, bar(agreement));
}

/** The rows, which point at their boxes on the image, and are pointed at from there. */
function rowList(rows, asked) {
  const own = `rows-${++count}`;
  const items = rows.map((row, at) => item(row, `${own}-${at}`));
  const list = make(
    "div",
    { class: "rows", role: "listbox", tabindex: "0", id: own,
      "aria-label": "What was read, line by line; arrow keys show it on the image" },
    ...items,
  );
  const point = (at) => {
    items.forEach((each, number) => each.classList.toggle("at", number === at));
    if (at !== null) reveal(list, items[at]);
    pointBoxes(at);
  };
  const boxes = {
    file: asked.file.id, page: asked.page, rows, point,
    leave: () => point(null),
    open: (at) => items[at].scrollIntoView({ block: "nearest" }),
  };
  listbox(list, items, (at) => {
    if (get("boxes") !== boxes) set("boxes", boxes); // of two answers, those of the one looked at
    point(at);
  });
  list.addEventListener("pointerleave", boxes.leave);
  list.addEventListener("blur", boxes.leave);
  list.addEventListener("click", showImage);
  if (!get("boxes")) set("boxes", boxes);
  return list;
}

/** A row without a box has no frame for its sample either. */
const sampleOf = ({ kind, boxes }) => (kind === "differ" && !boxes.length ? "invented" : kind);

/** Scroll the list, and nothing else, to where a row is seen. */
function reveal(list, row) {
  const [top, bottom] = [row.offsetTop, row.offsetTop + row.offsetHeight];
  if (top < list.scrollTop) list.scrollTop = top;
  else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
}

function item(row, id) {
  const words = row.words.flatMap(({ text, kind }, at) => [at ? " " : "", make("span", { class: `word ${kind}` }, text)]);
  return make(
    "div",
    { id, role: "option", class: "row-read", "aria-label": told(row) },
    make("span", { class: `sample ${sampleOf(row)}`, "aria-hidden": "true" }),
    make("span", { class: "row-words" }, row.name ? make("span", { class: "quiet" }, `${row.name} `) : null, ...words),
    make("span", { class: "row-how" }, how(row)),
  );
}

function legend() {
  const marks = Object.entries(KINDS).map(([kind, text]) =>
    make("li", {}, make("span", { class: `sample ${kind}`, "aria-hidden": "true" }), text),
  );
  return make("ul", { class: "legend", "aria-label": "Marks of the check" }, ...marks);
}

function texts({ model_text: model, ocr_text: ocr }) {
  const pair = [["The model", model], ["OCR", ocr]].map(([name, text]) =>
    make("div", {}, make("h4", {}, name), make("p", { class: "text" }, text || "No words")),
  );
  return make("details", {}, make("summary", {}, "Both texts"), make("div", { class: "texts" }, ...pair));
}
