// One answer while it is written and after; two of them stand side by side in a comparison.

import { showAnswer } from "./answer.js";
import { make, tell } from "./dom.js";
import { takesResolution } from "./kinds.js";
import { run } from "./run.js";
import { resolutionName } from "./state.js";

export function makeColumn(job) {
  const text = make("p", { class: "said" });
  const live = make("div", { "aria-live": "polite", "aria-busy": "true" }, text);
  const fault = make("p", { class: "error", role: "alert", hidden: true });
  const details = make("div", { class: "about" });
  const node = make("article", { class: job.kind === "fields" ? "answer of-fields" : "answer" },
    make("h3", {}, `${job.model} · ${cut(job)}`), live, fault, details);

  // Resolves to the answer, or to null where there is none; what went wrong is shown.
  async function ask(signal) {
    text.classList.add("waiting");
    text.textContent = "Looking …";
    try {
      const found = await run(job, signal, (soFar) => say(soFar));
      say(found.text || (found.abstained ? "No answer" : "(nothing)"));
      showAnswer(details, found);
      return found;
    } catch (error) {
      if (error.name !== "AbortError") tell(fault, error);
      const stopped = make("p", { class: "notice" }, "Stopped before the end.");
      if (error.name === "AbortError") details.replaceChildren(stopped);
      if (text.classList.contains("waiting")) say("");
      return null;
    } finally {
      live.setAttribute("aria-busy", "false");
    }
  }

  function say(words) {
    text.classList.remove("waiting");
    text.textContent = words;
  }

  return { node, ask };
}

function cut(job) {
  const name = takesResolution(job.kind) ? resolutionName(job.resolution) : "Automatic";
  return job.pages > 1 ? `${name}, page ${job.page}` : name;
}
