// From a question to the request that the server gets; the snippets show the same one.

import { schemaOf } from "./fields.js";

const WORDS = {
  ask: ({ question }) => question,
  describe: () => "Can you describe this image?",
  transcribe: () => "Transcribe the text in this image. Keep the line breaks.",
  fields: ({ fields }) =>
    `Read these fields from the image: ${fields.map((field) => field.name).join("; ")}. Answer in JSON.`,
};

/** Whether the answer is one of few, or a number: those are not streamed. */
export const isTyped = ({ kind }) => !(kind in WORDS);

/** Path and body of a request; `asked` is a question with model, resolution, file and page. */
export function requestOf(asked) {
  return isTyped(asked) ? typed(asked) : chat(asked);
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

function typed(asked) {
  const body = {
    model: asked.model, image: asked.file.id, question: asked.question, resolution: asked.resolution,
  };
  if (asked.file.pages > 1) body.page = asked.page;
  if (asked.kind === "choice") body.choices = asked.choices;
  else body.answer_type = asked.kind === "number" ? asked.number : asked.kind;
  return { path: "v1/answer", body };
}
