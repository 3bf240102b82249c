// From the button to the answers: one, or two beside each other, which run one after the other so
// that the seconds of each are its own.

import { alertOf, clearAlerts } from "./alerts.js";
import { answerCard, comparison, finishedCard } from "./answer.js";
import { ask } from "./asking.js";
import { byId } from "./dom.js";
import { remember } from "./history.js";
import { replan } from "./plans.js";
import { readQuestion } from "./question.js";
import { hideSnippets, showSnippets } from "./snippets.js";
import { get, set, watch } from "./state.js";
import { resolutionValue } from "./words.js";

let running = null; // what stops the run under way

export function setUpRun() {
  byId("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!running) run();
  });
  byId("stop").addEventListener("click", () => running?.abort());
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && running && !event.target.closest?.("dialog")) running.abort();
  });
  watch(["file"], () => (byId("state").textContent = ""));
}

async function run() {
  clearAlerts();
  const all = variants();
  if (!all) return;
  running = new AbortController();
  showRunning(all[0].check ? "Looking, and reading a second time …" : "Looking …");
  set("boxes", null);
  byId("answers").replaceChildren();
  hideSnippets();
  const done = [];
  try {
    for (const asked of all) {
      const answer = await runOne(asked, running.signal);
      done.push({ asked, answer });
      if (answer.stopped) break;
    }
  } catch (error) {
    alertOf(error);
  } finally {
    running = null;
    showRunning("");
  }
  finish(done);
}

/** The questions to ask, one for each side; null, with an alert, where something is missing. */
function variants() {
  try {
    if (!get("file")) throw new Error("Choose an image first.");
    const { id, filename, pages } = get("file");
    const common = { ...readQuestion(), file: { id, filename, pages }, page: get("page") };
    const all = [{ ...common, model: get("model"), resolution: get("resolution") }];
    if (byId("compare").checked) {
      const resolution = resolutionValue(byId("other-resolution").value);
      all.push({ ...common, model: byId("other-model").value, resolution });
    }
    return all;
  } catch (error) {
    alertOf(error);
    return null;
  }
}

async function runOne(asked, signal) {
  const card = answerCard(asked);
  byId("answers").append(card.element);
  try {
    const answer = await ask(asked, signal, card.text);
    card.finish(answer);
    return answer;
  } catch (error) {
    if (error.name !== "AbortError") {
      card.fail();
      throw error;
    }
    const answer = { text: "", tokens: null, usage: null, worth: null, stopped: true };
    card.finish(answer);
    return answer;
  }
}

/** Say what is being done; "" when it is done. */
function showRunning(text) {
  byId("send").disabled = Boolean(text);
  byId("stop").hidden = !text;
  byId("state").textContent = text;
  if (!text && document.activeElement === document.body) byId("send").focus();
}

function finish(done) {
  if (done.length === 0) return;
  if (done.length === 2) byId("answers").append(comparison(...done));
  showSnippets(done[0].asked);
  remember(done);
  if (document.activeElement === byId("stop")) byId("send").focus();
  replan(); // the machine's speed is known better now
}

/** Show answers of the history. */
export function showAnswers(done) {
  running?.abort();
  set("boxes", null);
  byId("answers").replaceChildren(...done.map(({ asked, answer }) => finishedCard(asked, answer)));
  if (done.length === 2) byId("answers").append(comparison(...done));
  showSnippets(done[0].asked);
  const { model, resolution } = done[0].asked;
  if (get("models").some(({ id }) => id === model)) set("model", model);
  set("resolution", resolution);
}
