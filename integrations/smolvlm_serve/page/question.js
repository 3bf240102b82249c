// The question: what kind of answer is wanted, and what that kind needs to know.

import { byId, make } from "./dom.js";
import { addField, readFields, setUpFields, showFields } from "./fields.js";
import { readSecond, setUpSecond, showSecond } from "./second.js";

export const KINDS = {
  ask: { name: "Free", verb: "Ask", rows: ["question", "second"] },
  yes_no: { name: "Yes or no", verb: "Ask", rows: ["question"] },
  choice: { name: "Choices", verb: "Ask", rows: ["question", "choices", "second"] },
  number: { name: "Number", verb: "Ask", rows: ["question", "number", "second"] },
  fields: { name: "Fields", verb: "Read the fields", rows: ["fields", "second"] },
  describe: { name: "Describe", verb: "Describe", rows: [] },
  transcribe: { name: "Transcribe", verb: "Transcribe", rows: ["second"] },
};
const ROWS = ["question", "choices", "number", "fields", "second"];

export function setUpQuestion() {
  const radios = Object.entries(KINDS).map(([kind, { name }]) =>
    make(
      "label",
      { class: "segment" },
      make("input", { type: "radio", name: "kind", value: kind, onchange: () => show(kind) }),
      make("span", {}, name),
    ),
  );
  byId("kinds").append(...radios);
  setUpFields();
  setUpSecond();
  addField("total", "number");
  byId("question").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    byId("ask").requestSubmit();
  });
  choose("ask");
}

function choose(kind) {
  document.querySelector(`input[name=kind][value=${kind}]`).checked = true;
  show(kind);
}

function show(kind) {
  for (const row of ROWS) byId(`${row}-row`).hidden = !KINDS[kind].rows.includes(row);
  byId("send").textContent = KINDS[kind].verb;
}

/** What is asked for now. Raises an Error that says what is missing. */
export function readQuestion() {
  const kind = document.querySelector("input[name=kind]:checked").value;
  const { rows } = KINDS[kind];
  const found = { kind };
  if (rows.includes("question")) {
    found.question = byId("question").value.trim();
    if (!found.question) throw missing("question", "Write a question first.");
  }
  if (rows.includes("choices")) {
    const lines = byId("choices").value.split("\n").map((line) => line.trim());
    found.choices = [...new Set(lines.filter(Boolean))];
    if (found.choices.length < 2) throw missing("choices", "Write at least two choices, one a line.");
  }
  if (rows.includes("number")) found.number = byId("number").value;
  if (rows.includes("fields")) Object.assign(found, readFields());
  if (rows.includes("second")) Object.assign(found, readSecond());
  return found;
}

function missing(id, text) {
  byId(id).focus();
  return new Error(text);
}

/** Put a question of the history back into the form. */
export function showQuestion(asked) {
  choose(asked.kind);
  if (asked.question !== undefined) byId("question").value = asked.question;
  if (asked.choices) byId("choices").value = asked.choices.join("\n");
  if (asked.number) byId("number").value = asked.number;
  if (asked.fields) showFields(asked);
  showSecond(asked);
}
