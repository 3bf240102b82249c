// What the server is doing: asked every two seconds, and only while somebody looks.

import { get } from "./api.js";
import { byId, draw, make, megabytes } from "./dom.js";

const EVERY = 2000;
const KEPT = 60;
const speeds = [];
let timer = 0;

export function startMetrics() {
  const details = byId("metrics");
  details.addEventListener("toggle", () => {
    clearTimeout(timer);
    if (details.open) look();
  });
}

async function look() {
  try {
    const stats = await get("/v1/stats");
    speeds.push(stats.tokens_per_second ?? 0);
    if (speeds.length > KEPT) speeds.shift();
    byId("figures").replaceChildren(facts(stats), ...line(), memory(stats));
  } catch (error) {
    byId("figures").replaceChildren(make("p", { class: "error", role: "alert" }, error.message));
  }
  if (byId("metrics").open) timer = setTimeout(look, EVERY);
}

function facts(stats) {
  const speed = stats.tokens_per_second;
  const rows = [
    ["Running", stats.running],
    ["Waiting", stats.waiting],
    ["Answered in the last minute", stats.ended],
    ["Failed of these", stats.failed],
    ["Tokens each second", speed === null ? "–" : speed.toFixed(0)],
  ];
  return make("dl", { class: "facts large" }, ...rows.map(([name, value]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, String(value)))));
}

function line() {
  const most = Math.max(...speeds, 1);
  const points = speeds.map((each, number) => {
    const x = speeds.length > 1 ? (number / (speeds.length - 1)) * 300 : 0;
    return `${x.toFixed(1)},${(58 - (each / most) * 54).toFixed(1)}`;
  });
  return [make("p", { class: "hint" }, "Tokens each second, since this was opened"), draw("svg", { viewBox: "0 0 300 60", class: "line", role: "img", preserveAspectRatio: "none",
    "aria-label": `Tokens each second since this was opened, at most ${most.toFixed(0)}` },
    draw("polyline", { points: points.join(" ") }))];
}

function memory(stats) {
  const used = stats.memory.resident_bytes;
  const budgets = stats.models.map((each) => each.memory?.budget_bytes).filter(Boolean);
  const budget = budgets.length ? Math.max(...budgets) : null;
  const text = budget
    ? `Memory: ${megabytes(used)} of a budget of ${megabytes(budget)}`
    : `Memory: ${megabytes(used)}; no budget is set`;
  const parts = [make("p", {}, text)];
  if (budget) parts.push(make("meter", { min: 0, max: budget, value: used, "aria-label": text }));
  return make("div", {}, ...parts);
}
