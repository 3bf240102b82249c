// What each resolution takes, before anything runs; choosing one is choosing the grid.

import { alertOf } from "./alerts.js";
import { postJson } from "./api.js";
import { byId, make } from "./dom.js";
import { get, set, watch } from "./state.js";
import { bytes, resolutionName, seconds, whole } from "./words.js";

const RESOLUTIONS = ["auto", "native", 1, 2, 3, 4];
let wanted = 0;

export function setUpPlans() {
  watch(["file", "page", "model"], replan);
  watch(["plans"], showPlans);
  watch(["resolution"], mark);
}

/** Ask for the plans again: the image, the model or the machine's known speed has changed. */
export async function replan() {
  const [file, page, model] = [get("file"), get("page"), get("model")];
  if (!file || !model) return;
  const turn = ++wanted;
  const body = { model, image: file.id, page, resolutions: RESOLUTIONS };
  try {
    const found = await postJson("v1/plan", body);
    if (turn === wanted) set("plans", found.data);
  } catch (error) {
    if (turn === wanted) alertOf(error);
  }
}

function showPlans(plans) {
  byId("seen").hidden = plans.length === 0;
  const held = document.activeElement?.name === "resolution";
  byId("plans").tBodies[0].replaceChildren(...plans.map(row));
  mark(get("resolution"));
  if (held) document.querySelector("input[name=resolution]:checked")?.focus();
  byId("plans-note").textContent = plans.some((plan) => plan.seconds_to_first_token === null)
    ? "Seconds are known after a first question, which shows how fast this machine is."
    : "First word: the wait until an answer begins, if nothing of the image is known yet.";
}

function row(plan) {
  const value = String(plan.resolution);
  const radio = make("input", {
    type: "radio", name: "resolution", value,
    onchange: () => set("resolution", plan.resolution),
  });
  const label = make("label", {}, radio, resolutionName(plan.resolution));
  const wait = plan.seconds_to_first_token;
  return make(
    "tr",
    { onclick: (event) => event.target.closest("label") || radio.click() },
    make("th", { scope: "row" }, label),
    make("td", {}, whole(plan.tiles)),
    make("td", {}, whole(plan.prompt_tokens)),
    make("td", {}, bytes(plan.predicted_bytes)),
    make("td", wait === null ? { class: "quiet", title: "known after a first question" } : {},
      wait === null ? "–" : seconds(wait)),
  );
}

function mark(resolution) {
  for (const radio of document.querySelectorAll("input[name=resolution]")) {
    radio.checked = radio.value === String(resolution);
    radio.closest("tr").classList.toggle("chosen", radio.checked);
  }
}
