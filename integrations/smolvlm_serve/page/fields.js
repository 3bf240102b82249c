// Rows of names and types, and the JSON schema that they are.

import { byId, make } from "./dom.js";

const TYPES = {
  string: ["text", { type: "string" }],
  integer: ["whole number", { type: "integer" }],
  number: ["number", { type: "number" }],
  boolean: ["yes or no", { type: "boolean" }],
  date: ["date", { type: "string", format: "date" }],
  list: ["list of texts", { type: "array", items: { type: "string" } }],
};
let count = 0;

export function setUpFields() {
  byId("field-add").addEventListener("click", () => addField().focus());
}

/** Add a row; returns its first input. */
export function addField(name = "", type = "string") {
  const number = ++count;
  const input = make("input", {
    type: "text", value: name, maxlength: "100", placeholder: "name", "aria-label": `Name of field ${number}`,
  });
  const options = Object.entries(TYPES).map(([value, [text]]) => make("option", { value }, text));
  const select = make("select", { "aria-label": `Type of field ${number}` }, ...options);
  select.value = type;
  const remove = make("button", { type: "button", class: "plain", "aria-label": `Remove field ${number}` }, "Remove");
  const row = make("div", { class: "field" }, input, select, remove);
  remove.addEventListener("click", () => {
    (row.previousElementSibling ?? row.nextElementSibling)?.querySelector("input").focus();
    row.remove();
  });
  byId("fields").append(row);
  return input;
}

/** The rows that have a name, and whether any may be missing. */
export function readFields() {
  const rows = [...byId("fields").children].map((row) => ({
    name: row.querySelector("input").value.trim(),
    type: row.querySelector("select").value,
  }));
  const fields = rows.filter((field) => field.name);
  if (fields.length === 0) throw new Error("Name at least one field.");
  const names = fields.map((field) => field.name);
  const twice = names.find((name, at) => names.indexOf(name) < at);
  if (twice) throw new Error(`Two fields have the name ${twice}.`);
  return { fields, optional: byId("optional").checked };
}

export function showFields({ fields, optional }) {
  byId("fields").replaceChildren();
  for (const { name, type } of fields) addField(name, type);
  byId("optional").checked = optional;
}

/** The JSON schema of an object with these fields; one that may be missing may be null. */
export function schemaOf({ fields, optional }) {
  const of = ({ type }) => {
    const schema = TYPES[type][1];
    return optional ? { anyOf: [schema, { type: "null" }] } : schema;
  };
  return {
    type: "object",
    properties: Object.fromEntries(fields.map((field) => [field.name, of(field)])),
    required: fields.map((field) => field.name),
    additionalProperties: false,
  };
}
