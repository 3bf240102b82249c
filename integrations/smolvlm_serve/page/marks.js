// What a check found, as rows: a line of the answer or of print, how the two readers differ in it,
// and its boxes in pixels of the image.

import { percent } from "./words.js";

export const KINDS = {
  agree: "Read alike by both",
  differ: "Read differently",
  invented: "Only in the model's text: no box",
  missing: "Left out by the model",
};

/** Rows of {kind, name, words, other, agreement, boxes}; words are {text, kind}. */
export function rowsOf(check, answer) {
  if (check.agreement === null) return valuesOf(check, answer);
  return [...check.lines.map(lineOf), ...missingOf(check.missing)];
}

function lineOf({ text, recognised, agreement, supported, words }) {
  const kind = !supported ? "invented" : agreement === 1 ? "agree" : "differ";
  const marked = words.map((word) => ({ text: word.text, kind: kindOf(word), box: word.box }));
  return {
    kind, agreement,
    words: marked.length ? marked : [{ text, kind }],
    other: agreement === 1 ? null : recognised,
    boxes: marked.filter(({ box }) => box),
  };
}

function kindOf({ agreement, box }) {
  if (!box) return "invented";
  return agreement === 1 ? "agree" : "differ";
}

/** Words that the model left out, those of a line of print together. */
function missingOf(missing) {
  const lines = new Map();
  for (const word of missing) lines.set(word.line, [...(lines.get(word.line) ?? []), word]);
  return [...lines.values()].map((words) => {
    const marked = words.map(({ text, box }) => ({ text, box, kind: "missing" }));
    return { kind: "missing", agreement: null, words: marked, other: null, boxes: marked };
  });
}

/** The values of an answer, each with the place where it is printed, if there is one. */
function valuesOf({ evidence }, { fields, text, value }) {
  const values = fields ? scalars(fields, "") : [["", value ?? text]].filter(([, given]) => given !== "");
  return values.map(([pointer, value]) => {
    const found = evidence[pointer];
    const kind = !found ? "unprinted" : found.agreement === 1 ? "agree" : "differ";
    return {
      kind,
      name: pointer.slice(1).replaceAll("/", ", ").replaceAll("~1", "/").replaceAll("~0", "~"),
      words: [{ text: String(value), kind }],
      other: found?.text ?? null,
      agreement: found?.agreement ?? null,
      boxes: found ? [{ box: found.box, kind }] : [],
    };
  });
}

/** The values that may be printed, by JSON pointer: neither null nor yes and no. */
function scalars(value, pointer) {
  if (value === null || typeof value === "boolean") return [];
  if (typeof value !== "object") return [[pointer, value]];
  return Object.entries(value).flatMap(([name, each]) =>
    scalars(each, `${pointer}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`),
  );
}

/** How the other reader has it, in words. */
export function how({ kind, other, agreement }) {
  if (kind === "missing") return "left out by the model";
  if (kind === "invented") return other ? `only the model: OCR has “${other}” there` : "only the model";
  if (kind === "unprinted") return "not printed as such";
  if (kind === "agree") return other ? `printed as “${other}”` : "";
  return `OCR has ${other ? `“${other}”` : "some of its letters"}, ${percent(agreement)} alike`;
}

/** A row as it is read out. */
export function told(row) {
  const text = row.words.map((word) => word.text).join(" ");
  return `${row.name ? `${row.name}: ` : ""}${text}; ${how(row) || "read alike by both"}`;
}

/** Boxes of words that follow one another on a line and are of a kind, as one. */
export function joined(boxes) {
  const runs = [];
  for (const { box, kind } of boxes) {
    const last = runs.at(-1);
    if (last?.kind === kind && follows(box, last.box)) last.box = around(last.box, box);
    else runs.push({ box, kind });
  }
  return runs;
}

const heightOf = (box) => box.bottom - box.top;

function follows(box, before) {
  const height = Math.max(heightOf(box), heightOf(before));
  const common = Math.min(box.bottom, before.bottom) - Math.max(box.top, before.top);
  const gap = box.left - before.right;
  return common > height / 2 && gap < 2 * height && gap > -height;
}

const around = (a, b) => ({
  left: Math.min(a.left, b.left), top: Math.min(a.top, b.top),
  right: Math.max(a.right, b.right), bottom: Math.max(a.bottom, b.bottom),
});
