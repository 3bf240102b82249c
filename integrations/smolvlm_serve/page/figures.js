// What the server is doing: asked for only while a person looks.

import { alertOf } from "./alerts.js";
import { getJson } from "./api.js";
import { chart } from "./chart.js";
import { byId, make } from "./dom.js";
import { bytes, whole } from "./words.js";

const EVERY = 2000;
const speed = chart("Tokens a second");
const memory = chart("Memory");
const running = chart("Running and waiting");
let timer = null;

export function setUpFigures() {
  byId("figures-charts").append(speed.element, memory.element, running.element);
  byId("figures-toggle").addEventListener("click", toggle);
  document.addEventListener("visibilitychange", () => {
    if (!byId("figures").hidden) (document.hidden ? stop : look)();
  });
}

function toggle() {
  const open = byId("figures").hidden;
  byId("figures").hidden = !open;
  byId("figures-toggle").setAttribute("aria-expanded", String(open));
  (open ? look : stop)();
}

function stop() {
  clearTimeout(timer);
  timer = null;
}

async function look() {
  stop();
  try {
    show(await getJson("v1/stats"));
  } catch (error) {
    alertOf(error);
    return; // until it is opened again
  }
  if (!byId("figures").hidden && !document.hidden) timer = setTimeout(look, EVERY);
}

function show(stats) {
  const budget = stats.models.reduce((sum, { memory }) => sum + (memory?.budget_bytes ?? 0), 0) || null;
  const { resident_bytes: resident } = stats.memory;
  const rate = stats.tokens_per_second;
  const facts = [
    ["Running", whole(stats.running)],
    ["Waiting", whole(stats.waiting)],
    ["Ended", whole(stats.ended)],
    ["Failed", whole(stats.failed)],
    ["Tokens written", whole(stats.completion_tokens)],
    ["Tiles seen", whole(stats.tiles)],
    ["Memory budget", budget ? bytes(budget) : "none set"],
  ];
  const pairs = facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)));
  byId("figures-list").replaceChildren(...pairs);
  speed.add(rate ?? 0, rate === null ? "–" : whole(Math.round(rate)));
  memory.add(resident, budget ? `${bytes(resident)} of ${bytes(budget)}` : bytes(resident), budget);
  running.add(stats.running + stats.waiting, whole(stats.running + stats.waiting));
}
