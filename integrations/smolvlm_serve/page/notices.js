// What a reader of an answer should know, in plain words.

const FLAGS = {
  blank_image: ["warn", "The image is blank: whatever is said about it is made up."],
  truncated: ["warn", "The answer was cut off: it reached the longest length allowed."],
  repetition: ["warn", "The model had begun to repeat itself and was stopped."],
  rejected: ["warn", "What the model wrote breaks a rule of the type that was asked for."],
  garbage_layer: ["warn", "The document's own text layer is garbage; the page was read by the model."],
  hidden_text: ["warn", "The document holds text that a person does not see."],
  not_enforced: ["warn", "The type was checked afterwards, but not enforced while the answer was written."],
  completed: ["warn", "The end of the answer was filled in to make it whole; it is not the model's."],
  recovered: ["info", "The model had begun to repeat itself; the answer goes on with the image cut otherwise."],
  reduced_resolution: ["info", "The image was seen coarser than asked for, to save memory."],
  halved_micro_batch: ["info", "Memory was short, so tiles were read fewer at a time: slower, same answer."],
  no_logprobs: ["info", "How sure the model was is not known for this answer."],
  turned: ["info", "The page lay on its side or head and was turned before it was read."],
  unsupported: ["warn", "Some lines were not recognised in the image: made up, or misread."],
  missing_words: ["warn", "There are words in the image that the model left out."],
  nothing_recognised: ["warn", "No word was recognised in the image, so what the model wrote is not handed out."],
  ocr_layer: ["info", "The text comes from the document's own layer, made by text recognition."],
};
const HELD_BACK = {
  cut: "There is no value: the answer ended before it was whole.",
  unsure: "There is no value: the model was less sure than was asked for.",
  rejected: "There is no value: what was written breaks a rule of its type.",
};

/** Notices of an answer as [kind, text], the grave ones first. */
export function noticesOf({ worth, stopped }) {
  if (stopped) return [["info", "Stopped. What was written until then stays."]];
  if (!worth) return [["warn", "The answer broke off."]];
  const found = worth.flags.map((flag) => FLAGS[flag] ?? ["info", flag.replaceAll("_", " ")]);
  if (worth.abstained) found.push(["warn", HELD_BACK[worth.incomplete] ?? "The answer is held back."]);
  if (worth.finish_reason === "length" && !worth.flags.includes("truncated")) found.push(FLAGS.truncated);
  if (worth.finish_reason === "repetition" && !worth.flags.includes("repetition"))
    found.push(FLAGS.repetition);
  return found.sort(([a], [b]) => (a === "warn" ? 0 : 1) - (b === "warn" ? 0 : 1));
}
