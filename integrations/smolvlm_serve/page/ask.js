// Asks what the form says, of one model or of two side by side.

import { makeColumn } from "./column.js";
import { otherJob } from "./compare.js";
import { byId, tell } from "./dom.js";
import { readForm, startForm } from "./form.js";
import { plan } from "./grid.js";
import { state } from "./state.js";

let running = null;

export function startAsk() {
  startForm();
  byId("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
  byId("question").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    ask();
  });
  byId("stop").addEventListener("click", () => running?.abort());
}

async function ask() {
  if (running) return;
  let jobs;
  try {
    const job = readForm();
    jobs = [job, otherJob(job)].filter(Boolean);
    tell(byId("ask-error"), null);
  } catch (error) {
    tell(byId("ask-error"), error);
    return;
  }
  running = new AbortController();
  showRunning(true);
  const columns = jobs.map(makeColumn);
  byId("answers").className = columns.length > 1 ? "two" : "";
  byId("answers").replaceChildren(...columns.map((column) => column.node));
  const found = await Promise.all(columns.map((column) => column.ask(running.signal)));
  running = null;
  showRunning(false);
  for (const [number, answer] of [...found.entries()].reverse()) { // the first one comes last, on top
    if (answer) state.set({ asked: { job: jobs[number], answer } });
  }
  plan(); // now that an answer was timed, the table knows how long the next one takes
}

function showRunning(now) {
  byId("go").disabled = now;
  const hadFocus = document.activeElement === byId("stop");
  byId("stop").hidden = !now;
  if (hadFocus && !now) byId("go").focus();
}
