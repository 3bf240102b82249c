// What may be asked, and the request that asks it.

const answerType = (kind) => (job) => ({
  name: "q", question: job.question, answer_type: kind,
  ...(kind === "choice" && { choices: job.choices }),
});

// asks: the question stands ready; text: it is always the same; question: what /v1/decide is sent.
export const KINDS = {
  question: { label: "Ask", asks: "What color is the circle?" },
  describe: { label: "Describe", text: "Can you describe this image?" },
  transcribe: {
    label: "Transcribe", text: "Transcribe the text in this image. Keep the line breaks.",
  },
  yes_no: { label: "Yes or no", asks: "Is the circle red?", question: answerType("yes_no") },
  choice: { label: "Choices", asks: "What color is the circle?", question: answerType("choice") },
  number: { label: "Number", asks: "What is the total?", question: answerType("number") },
  integer: { label: "Whole number", asks: "How many shapes are there?", question: answerType("integer") },
  fields: { label: "Fields" },
};

// A job becomes {path, body}. Pages are named only where a document has several.
export function request(job) {
  const kind = KINDS[job.kind];
  const pages = job.pages > 1 ? { pages: String(job.page) } : {};
  if (kind.question) {
    const body = { model: job.model, image: job.file, ...pages, questions: [kind.question(job)] };
    return { path: "/v1/decide", body };
  }
  const schema = job.kind === "fields" ? schemaOf(job.fields) : null;
  const body = {
    model: job.model,
    messages: [{ role: "user", content: [
      { type: "image_url", image_url: { url: job.file } },
      { type: "text", text: words(job, kind) },
    ] }],
    ...pages,
    resolution: job.resolution,
    logprobs: true,
    ...(schema
      ? { response_format: { type: "json_schema", json_schema: { name: "fields", schema } } }
      : { stream: true, stream_options: { include_usage: true } }),
  };
  return { path: "/v1/chat/completions", body };
}

// What is asked, in words: the question, the task's own words, or the names of the fields.
export function words(job, kind = KINDS[job.kind]) {
  if (job.kind !== "fields") return kind.text ?? job.question;
  const names = job.fields.map((field) => field.name).join("; ");
  return `Read these fields from the image: ${names}. Answer in JSON.`;
}

// /v1/decide always cuts the picture itself.
export const takesResolution = (kind) => !KINDS[kind].question;

function schemaOf(fields) {
  const properties = Object.fromEntries(fields.map(({ name, type }) => [name, { type }]));
  const required = fields.map((field) => field.name);
  return { type: "object", properties, required, additionalProperties: false };
}
