// The last question as code: curl, OpenAI's Python client, or a call of an MCP tool.

import { hasToken } from "./api.js";
import { byId, make } from "./dom.js";
import { KINDS, request, words } from "./kinds.js";
import { state } from "./state.js";

export function startCopy() {
  byId("copy").hidden = true;
  state.on("asked", () => {
    byId("copy").hidden = false;
    const { job } = state.asked;
    const forms = { curl: curl(job), Python: python(job), "MCP tool call": mcp(job) };
    byId("copies").replaceChildren(...Object.entries(forms).map(([name, code]) => block(name, code)));
  });
}

function block(name, code) {
  const status = make("span", { class: "hint", role: "status" });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(code);
      status.textContent = "Copied";
    } catch {
      status.textContent = "The browser does not allow it here: select the text instead";
    }
  };
  return make("div", { class: "code" },
    make("div", { class: "row" }, make("h3", {}, name),
      make("button", { type: "button", class: "quiet small", "aria-label": `Copy ${name}`, click: copy },
        "Copy"), status),
    make("pre", { tabindex: 0, role: "region", "aria-label": name }, code));
}

const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curl(job) {
  const { path, body } = request(job);
  const lines = [`curl ${shell(location.origin + path)}`, "-H 'Content-Type: application/json'"];
  if (hasToken()) lines.push('-H "Authorization: Bearer $SMOLVLM_SERVE_TOKEN"');
  return [...lines, `-d ${shell(JSON.stringify(body, null, 2))}`].join(" \\\n  ");
}

function python(job) {
  const { path, body } = request(job);
  const key = hasToken() ? 'os.environ["SMOLVLM_SERVE_TOKEN"]' : '"none"';
  const head = [
    ...(hasToken() ? ["import os", ""] : []),
    "from openai import OpenAI", "",
    `client = OpenAI(base_url=${literal(`${location.origin}/v1`)}, api_key=${key})`,
  ];
  if (path === "/v1/decide") {
    return [...head, `answer = client.post("/decide", cast_to=object, body=${literal(body)})`,
      'print(answer["answers"]["q"])', ""].join("\n");
  }
  const { pages, resolution, stream, stream_options, ...known } = body; // whole, not streamed
  const own = Object.fromEntries(Object.entries({ pages, resolution }).filter(([, each]) => each));
  const named = Object.entries(known).map(([name, value]) => `    ${name}=${literal(value, "    ")},`);
  return [...head, "reply = client.chat.completions.create(", ...named,
    `    extra_body=${literal(own, "    ")},`, ")", "print(reply.choices[0].message.content)", ""].join("\n");
}

// A JSON value as Python writes it; what is long is broken into lines.
function literal(value, indent = "") {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const deeper = `${indent}    `;
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const parts = Array.isArray(value)
    ? value.map((each) => literal(each, deeper))
    : Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${literal(each, deeper)}`);
  const short = open + parts.join(", ") + close;
  if (short.length + indent.length < 80 && !short.includes("\n")) return short;
  return `${open}\n${parts.map((part) => `${deeper}${part},\n`).join("")}${indent}${close}`;
}

// MCP reads the picture from where it lies: the file's name stands for that path.
function mcp(job) {
  const pages = job.pages > 1 ? { pages: String(job.page) } : {};
  const image = { image: job.name, ...pages };
  return JSON.stringify({ method: "tools/call", params: tool(job, image) }, null, 2);
}

function tool(job, image) {
  const kind = KINDS[job.kind];
  if (job.kind === "describe") return { name: "describe_image", arguments: image };
  if (job.kind === "transcribe") return { name: "transcribe_image", arguments: image };
  if (job.kind === "fields") {
    const schema = request(job).body.response_format.json_schema.schema;
    return { name: "extract_fields", arguments: { ...image, schema } };
  }
  if (!kind.question) return { name: "answer_question", arguments: { ...image, question: words(job) } };
  const { name, ...question } = kind.question(job);
  return { name: "answer_question", arguments: { ...image, ...question } };
}
