// The same request for a terminal, a program and an agent, to be copied.

import { byId, make } from "./dom.js";
import { schemaOf } from "./fields.js";
import { isWhole, requestOf } from "./requests.js";

const base = () => new URL(".", document.baseURI).href.replace(/\/$/, "");
const TOOLS = { describe: "describe_image", transcribe: "transcribe_image", fields: "extract_fields" };
const MAKERS = { curl, Python: python, MCP: mcp };
let asked = null;

export function setUpSnippets() {
  const buttons = Object.keys(MAKERS).map((name) =>
    make("button", { type: "button", onclick: (event) => copy(name, event.target) }, `Copy as ${name}`),
  );
  byId("copy-buttons").append(...buttons);
}

export function showSnippets(of) {
  asked = of;
  byId("copy").hidden = false;
  byId("snippet").hidden = true;
}

export const hideSnippets = () => (byId("copy").hidden = true);

async function copy(name, button) {
  const text = MAKERS[name](asked);
  byId("snippet").textContent = text;
  byId("snippet").hidden = false;
  const copied = await toClipboard(text);
  button.textContent = copied ? "Copied" : "Shown below";
  setTimeout(() => (button.textContent = `Copy as ${name}`), 1500);
}

async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // not over plain HTTP from another machine: the text is there to be selected
  }
}

/** The body with the file's id as a name of the shell or of Python. */
function bodyText(of, name) {
  const body = JSON.stringify(requestOf(of).body, null, 2);
  return body.replaceAll(JSON.stringify(of.file.id), name);
}

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

function curl(of) {
  // In single quotes, which end for the file's id.
  const body = quoted(bodyText(of, '"$FILE"')).replaceAll('"$FILE"', `"'"$FILE"'"`);
  const key = sessionStorage.getItem("smolvlm-token") ? ' -H "Authorization: Bearer $SMOLVLM_TOKEN"' : "";
  return `FILE=$(curl -s${key} ${base()}/v1/files -F purpose=user_data -F file=@${quoted(of.file.filename)} \\
  | sed -n 's/.*"id": *"\\([^"]*\\)".*/\\1/p')
curl -s${key} ${base()}/${requestOf(of).path} \\
  -H 'Content-Type: application/json' \\
  -d ${body}
`;
}

function python(of) {
  const key = sessionStorage.getItem("smolvlm-token") ? 'os.environ["SMOLVLM_TOKEN"]' : '"none"';
  const body = pythonOf(requestOf(of).body, of.file.id, 0);
  const own = ["resolution", "pages"];
  const check = of.check ? [`print(reply["check"]["${of.kind === "transcribe" ? "agreement" : "evidence"}"])`] : [];
  const lines = isWhole(of)
    ? [`reply = client.post("/answer", body=${body}, cast_to=object)`, `print(reply["value"])`, ...check]
    : [`reply = client.chat.completions.create(`, ...openaiArguments(of, own), `)`,
       `print(reply.choices[0].message.content)`];
  return `${key.startsWith("os") ? "import os\n\n" : ""}from openai import OpenAI

client = OpenAI(base_url="${base()}/v1", api_key=${key})
with open(${JSON.stringify(of.file.filename)}, "rb") as picture:
    file = client.files.create(file=picture, purpose="user_data")
${lines.join("\n")}
`;
}

/** The body as keywords; what OpenAI's API does not have goes into extra_body. */
function openaiArguments(of, own) {
  const { body } = requestOf(of);
  const extra = Object.fromEntries(own.filter((name) => name in body).map((name) => [name, body[name]]));
  const known = Object.entries(body).filter(([name]) => !own.includes(name));
  return [...known, ["extra_body", extra]].map(
    ([name, value]) => `    ${name}=${pythonOf(value, of.file.id)},`,
  );
}

/** A JSON value as Python writes it; what is too long for a line is broken after each comma. */
function pythonOf(value, id, indent = 4) {
  if (value === id) return "file.id";
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = Array.isArray(value)
    ? value.map((each) => pythonOf(each, id, indent + 4))
    : Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${pythonOf(each, id, indent + 4)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const line = inner.join(", ");
  if (line.length + indent < 76 && !line.includes("\n")) return open + line + close;
  const pad = " ".repeat(indent);
  return `${open}\n${inner.map((each) => `${pad}    ${each},\n`).join("")}${pad}${close}`;
}

/** A tool's call; `image` is a path below the folders that the MCP server may read. */
function mcp(of) {
  const given = { image: of.file.filename };
  if (of.file.pages > 1) given.pages = String(of.page);
  if (of.question) given.question = of.question;
  if (of.kind === "choice") given.choices = of.choices;
  if (of.kind === "yes_no") given.answer_type = "yes_no";
  if (of.kind === "number") given.answer_type = of.number;
  if (of.kind === "fields") given.schema = schemaOf(of);
  if (of.check) given.check = of.check;
  const params = { name: TOOLS[of.kind] ?? "answer_question", arguments: given };
  return `${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params }, null, 2)}\n`;
}
