// From a question to the request that the server gets; the snippets show the same one.

import { schemaOf } from "./fields.js";

const WORDS = {
  ask: ({ question }) => question,
  describe: () => "Can you describe this image?",
  transcribe: () => "Transcribe the text in this image. Keep the line breaks.",
  fields: ({ fields }) =>
    `Read these fields from the image: ${fields.map((field) => field.name).join("; ")}. Answer in JSON.`,
};

/** Whether the answer comes whole: one of few, a number, or one that is checked. */
export const isWhole = ({ kind, check }) => !(kind in WORDS) || Boolean(check);

/** Path and body of a request; `asked` is a question with model, resolution, file and page. */
export function requestOf(asked) {
  return isWhole(asked) ? whole(asked) : chat(asked);
}

function chat(asked) {
  const body = {
    model: asked.model,
    messages: [{ role: "user", content: [
      { type: "image_url", image_url: { url: asked.file.id } },
      { type: "text", text: WORDS[asked.kind](asked) },
    ] }],
    resolution: asked.resolution,
  };
  if (asked.file.pages > 1) body.pages = asked.page;
  if (asked.kind === "fields") {
    const schema = schemaOf(asked);
    body.response_format = { type: "json_schema", json_schema: { name: "fields", schema } };
  }
  return { path: "v1/chat/completions", body };
}

function whole(asked) {
  const { model, file, resolution } = asked;
  const body = { model, image: file.id, ...task(asked), resolution };
  if (file.pages > 1) body.page = asked.page;
  if (asked.check) body.check = asked.check;
  return { path: "v1/answer", body };
}

function task(asked) {
  const { kind, question } = asked;
  if (kind === "transcribe") return { task: "transcribe" };
  if (kind === "fields") return { task: "extract", schema: schemaOf(asked) };
  if (kind === "ask") return { question };
  if (kind === "choice") return { question, choices: asked.choices };
  return { question, answer_type: kind === "number" ? asked.number : kind };
}
