// The form: what may be asked, and what has been filled in.

import { byId, make } from "./dom.js";
import { KINDS, takesResolution } from "./kinds.js";
import { state } from "./state.js";

const TYPES = { string: "text", number: "number", integer: "whole number", boolean: "yes or no" };

export const chosenKind = () => document.querySelector("input[name=kind]:checked").value;

export function startForm() {
  byId("kinds").append(...Object.entries(KINDS).map(([kind, { label }], number) => {
    const radio = make("input", { type: "radio", name: "kind", value: kind, change: showKind });
    radio.checked = number === 0;
    return make("label", { class: "chip" }, radio, make("span", {}, label));
  }));
  const add = make("button", { type: "button", class: "quiet", click: () => addField().focus() },
    "Add a field");
  byId("fields-part").append(make("div", { id: "fields" }), make("div", { class: "row" }, add));
  addField();
  state.on("resolution", showKind);
  showKind();
}

function showKind() {
  const kind = chosenKind();
  const { asks } = KINDS[kind];
  byId("question").hidden = byId("question-label").hidden = !asks;
  byId("question").placeholder = asks ?? "";
  byId("choices-part").hidden = kind !== "choice";
  byId("fields-part").hidden = kind !== "fields";
  byId("other-cut").hidden = !takesResolution(kind);
  const unused = !takesResolution(kind) && state.resolution !== "auto";
  byId("ask-hint").textContent = unused
    ? "Typed answers always use the automatic cut"
    : asks ? "Enter asks, Shift+Enter makes a new line" : "";
}

function addField(name = "", type = "string") {
  const input = make("input", { type: "text", "aria-label": "Name of the field", placeholder: "total" });
  input.value = name;
  const select = make("select", { "aria-label": "Type of the field" },
    ...Object.entries(TYPES).map(([value, text]) => make("option", { value }, text)));
  select.value = type;
  const remove = make("button", { type: "button", class: "quiet", "aria-label": "Remove the field",
    click: () => row.remove() }, "×");
  const row = make("div", { class: "field" }, input, select, remove);
  byId("fields").append(row);
  return input;
}

// What is asked of the picture that is shown. Throws an Error that says what is missing.
export function readForm() {
  if (!state.file) throw new Error("Choose a picture first.");
  if (!state.model) throw new Error("The models are not known yet.");
  const job = {
    kind: chosenKind(), question: byId("question").value.trim(),
    choices: lines(byId("choices").value), fields: readFields(),
    file: state.file.id, name: state.file.filename, page: state.page, pages: state.file.pages,
    model: state.model, resolution: state.resolution,
  };
  if (KINDS[job.kind].asks && !job.question) throw new Error("Write a question first.");
  if (job.kind === "choice" && job.choices.length < 2) throw new Error("Write two or more possible answers.");
  if (job.kind === "fields" && !job.fields.length) throw new Error("Name one or more fields.");
  return job;
}

export function fillForm(job) {
  document.querySelector(`input[name=kind][value=${job.kind}]`).checked = true;
  byId("question").value = job.question;
  byId("choices").value = job.choices.join("\n");
  byId("fields").replaceChildren();
  for (const { name, type } of job.fields) addField(name, type);
  if (!job.fields.length) addField();
  showKind();
}

const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

function readFields() {
  return [...byId("fields").children].map((row) => ({
    name: row.querySelector("input").value.trim(), type: row.querySelector("select").value,
  })).filter((field) => field.name);
}
