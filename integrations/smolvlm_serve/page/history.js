// What was asked in this tab, to be opened again; it goes when the tab is closed.

import { alertOf, clearAlerts } from "./alerts.js";
import { words } from "./answer.js";
import { byId, make } from "./dom.js";
import { reopen } from "./picture.js";
import { KINDS, showQuestion } from "./question.js";
import { percent, resolutionName } from "./words.js";

const KEY = "smolvlm-history";
const MOST = 30;
let entries = [];
let open = () => {};

/** Show what is kept; `onOpen` gets the answers of an entry. */
export function setUpHistory(onOpen) {
  open = onOpen;
  entries = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
  byId("forget").addEventListener("click", () => {
    entries = [];
    keep();
  });
  show();
}

/** Keep a question and its answers, as {asked, answer} each. */
export function remember(done) {
  entries = [{ at: Date.now(), done }, ...entries].slice(0, MOST);
  keep();
}

function keep() {
  while (!stored()) entries.pop(); // the browser's room is bounded: the oldest go first
  show();
}

function stored() {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(entries));
    return true;
  } catch {
    return entries.length === 0;
  }
}

function show() {
  byId("history").replaceChildren(...entries.map(item));
  byId("past").hidden = entries.length === 0;
}

function item({ at, done }) {
  const [{ asked, answer }] = done;
  const time = new Date(at);
  const clock = time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const where = asked.file.pages > 1 ? `${asked.file.filename}, page ${asked.page}` : asked.file.filename;
  const how = done.map(({ asked }) => `${asked.model} ${resolutionName(asked.resolution).toLowerCase()}`);
  const checked = asked.check ? " · checked" : "";
  const sure = answer.worth ? ` · ${percent(answer.worth.confidence)}` : "";
  return make(
    "li",
    {},
    make(
      "button",
      { type: "button", class: "past", onclick: () => again(done) },
      make("span", { class: "past-question" }, asked.question ?? KINDS[asked.kind].name),
      make("span", { class: "past-answer" }, words(asked, answer)),
      make("span", { class: "past-where quiet" }, `${where} · ${how.join(" and ")}${checked}${sure} · `,
        make("time", { datetime: time.toISOString() }, clock)),
    ),
  );
}

async function again(done) {
  clearAlerts();
  const [{ asked }] = done;
  showQuestion(asked);
  open(done);
  byId("question-title").scrollIntoView({ block: "nearest" });
  try {
    await reopen(asked.file.id, asked.page);
  } catch (error) {
    alertOf(error);
  }
}
