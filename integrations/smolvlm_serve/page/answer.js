// An answer on a card: while it comes, when it is there, and what it took.

import { bar, fieldTable, optionBars } from "./bars.js";
import { checkParts } from "./checked.js";
import { make } from "./dom.js";
import { noticesOf } from "./notices.js";
import { tokenView } from "./tokens.js";
import { percent, plural, resolutionName, seconds, whole } from "./words.js";

/** A card for an answer that is to come: {element, text(so far), finish(answer), fail()}. */
export function answerCard(asked) {
  const reply = make("p", { class: "reply" });
  const live = make("div", { class: "live", "aria-live": "polite", "aria-busy": "true" }, reply);
  const rest = make("div", { class: "rest" });
  const title = make("h3", {}, asked.model, make("span", { class: "quiet" }, ` ${resolutionName(asked.resolution)}`));
  const element = make("article", { class: "answer busy", "aria-label": "Answer" }, title, live, rest);
  return {
    element,
    text: (text) => (reply.textContent = text),
    finish(answer) {
      element.classList.remove("busy");
      reply.textContent = words(asked, answer);
      rest.replaceChildren(...details(asked, answer, reply));
      live.setAttribute("aria-busy", "false");
    },
    fail: () => element.remove(),
  };
}

/** A card for an answer that is there. */
export function finishedCard(asked, answer) {
  const card = answerCard(asked);
  card.finish(answer);
  return card.element;
}

/** What the answer is, in a word or a text. */
export function words(asked, answer) {
  if (answer.worth?.abstained) return "No answer";
  if (answer.value === true) return "Yes";
  if (answer.value === false) return "No";
  if (answer.value !== undefined && answer.value !== null) return String(answer.value);
  if (answer.fields) return Object.entries(answer.fields).map(([name, value]) => `${name}: ${value ?? "none"}`).join(", ");
  return answer.text || (answer.stopped ? "" : "No words");
}

function details(asked, answer, reply) {
  const { worth, tokens, check } = answer;
  const parts = noticesOf(answer).map(([kind, text]) => make("p", { class: `notice ${kind}` }, text));
  const isShort = answer.value !== undefined;
  reply.classList.toggle("short", isShort);
  if (answer.fields) parts.push(fieldTable(answer.fields, worth?.field_confidence));
  parts.push(...checkParts(asked, answer));
  if (worth?.probabilities) parts.push(optionBars(worth.probabilities));
  if (tokens?.length && !worth?.probabilities) parts.push(...tokenParts(tokens, reply, folding(answer)));
  if (worth && tellsMore(worth)) parts.push(confidence(worth, check));
  if (worth) parts.push(cost(answer));
  return parts;
}

/** Whether the confidence is known, and is no more than the first of the bars above. */
function tellsMore({ confidence, flags, probabilities }) {
  if (flags.includes("no_logprobs")) return false;
  return !probabilities || Math.abs(confidence - Math.max(...Object.values(probabilities))) > 0.001;
}

/** What stands for the plain text, which then stays for screen readers: "tokens", "table", or nothing. */
function folding({ value, fields, text, check }) {
  if (fields || (text && check?.lines.length)) return "table";
  return value !== undefined || (check && !text) ? "nothing" : "tokens";
}

/** The tokens, folded away where they do not stand for the plain text. */
function tokenParts(tokens, reply, instead) {
  reply.classList.toggle("unseen", instead !== "nothing");
  const view = tokenView(tokens);
  if (instead === "tokens") return [view];
  return [make("details", {}, make("summary", {}, "Token by token"), view)];
}

function confidence({ confidence, calibrated }, check) {
  const both = `Of both readers together; the model alone: ${percent(check?.model_confidence ?? 0)}.`;
  const why = check?.agreement != null ? both : calibrated.includes("confidence")
    ? "How often answers like this one are right, as calibrated."
    : "How sure the model was of its own words, not whether they are true.";
  return make(
    "div",
    { class: "confidence" },
    make("p", {}, make("span", {}, "Confidence "), make("strong", {}, percent(confidence))),
    bar(confidence),
    make("p", { class: "quiet small" }, why),
  );
}

function cost({ worth, usage, check }) {
  const { seconds: took } = worth;
  const known = usage?.prompt_tokens_details?.cached_tokens ?? 0;
  const facts = [
    [check ? "Time of the model" : "Time", seconds(took.total)],
    ["Tiles", whole(worth.tiles)],
    ["Tokens read", whole(usage.prompt_tokens) + (known ? `, ${whole(known)} known already` : "")],
    ["Tokens written", whole(usage.completion_tokens)],
    ["Ran on", `${worth.backend}, ${worth.precision}`],
  ];
  const pairs = facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)));
  return make("dl", { class: "cost" }, ...pairs);
}

/** One line on how two answers differ. */
export function comparison(first, second) {
  const [a, b] = [first, second].map(({ asked, answer }) => words(asked, answer).trim());
  const tiles = [first, second].map(({ answer }) => answer.worth?.tiles ?? 0);
  const same = a === b ? "Both answers are the same." : "The answers differ.";
  const cost = tiles[0] === tiles[1] ? "" : ` ${plural(tiles[0], "tile")} against ${whole(tiles[1])}.`;
  return make("p", { class: "verdict", role: "status" }, same + cost);
}
