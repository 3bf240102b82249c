// What a reader should know of an answer, in plain words.

const WORDS = {
  truncated: "The answer was cut off: it reached the longest length.",
  repetition: "The model began to repeat itself and was stopped.",
  blank_image: "The picture seems to show nothing: anything more that is said about it is invented.",
  turned: "The page lay on its side and was turned upright to be read.",
  ocr_layer: "The document has a text layer from a scanner; it was not trusted.",
  garbage_layer: "The document's own text is unusable; the model read the picture instead.",
  hidden_text: "The document holds text that cannot be seen on the page.",
  reduced_resolution: "The picture was seen coarser than it is, to keep to the memory budget.",
  halved_micro_batch: "Memory was short: this took longer than usual.",
  rejected: "What the model wrote is no answer of the kind that was asked for.",
  completed: "The answer was cut; its end is not the model's.",
  no_logprobs: "How sure the model was is not known.",
  not_enforced: "The answer was checked, but the model was not held to its form.",
};
const FINISH = { length: "truncated", repetition: "repetition" };

export function notices({ flags, finish, abstained }) {
  const names = new Set([...flags, ...(FINISH[finish] ? [FINISH[finish]] : [])]);
  const found = [...names].map((name) => WORDS[name] ?? `The server says: ${name}.`);
  return abstained ? ["No answer is given: the model was not sure enough, or did not finish.", ...found] : found;
}
