// Plans of the picture: the tiles drawn over it, and what each resolution would cost.

import { post } from "./api.js";
import { byId, make, megabytes, seconds, tell } from "./dom.js";
import { RESOLUTIONS, resolutionName, state } from "./state.js";

const LATER = "after a first answer";
let asking = null;
let pause = 0;

export function startGrid() {
  state.on("file page model", plan);
  state.on("plan resolution", () => {
    if (state.plan.length) drawGrid();
  });
  state.on("plan", drawTable);
  byId("question").addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(plan, 400); // its tokens are counted once the person pauses
  });
}

export async function plan() {
  if (!state.file) return;
  asking?.abort();
  asking = new AbortController();
  const body = {
    model: state.model, image: state.file.id, page: state.page,
    question: byId("question").value, resolutions: RESOLUTIONS,
  };
  try {
    state.set({ plan: (await post("/v1/plan", body, asking.signal)).data });
  } catch (error) {
    if (error.name !== "AbortError") tell(byId("picture-error"), error);
  }
}

function drawGrid() {
  const chosen = state.plan.find((each) => each.resolution === state.resolution);
  const [cut] = chosen.images;
  const rows = Math.max(cut.rows, 1);
  const cols = Math.max(cut.cols, 1);
  const grid = byId("grid");
  grid.style.setProperty("grid-template-columns", `repeat(${cols}, 1fr)`);
  grid.style.setProperty("grid-template-rows", `repeat(${rows}, 1fr)`);
  grid.replaceChildren(...Array.from({ length: rows * cols }, (_, number) =>
    make("span", {}, make("b", {}, String(number + 1)))));
  byId("caption").textContent = inWords(cut, rows, cols);
}

function inWords(cut, rows, cols) {
  const size = `${cut.width} × ${cut.height} pixels`;
  const seen = `seen at ${cut.resized_width} × ${cut.resized_height}`;
  if (rows * cols === 1) return `${size}, ${seen} as one tile.`;
  return `${size}, ${seen} in ${cols} × ${rows} tiles and once more as a whole.`;
}

function drawTable() {
  const held = document.activeElement?.name === "resolution";
  const head = ["Cut", "Tiles", "Tokens", "Memory", "First word"].map((text) =>
    make("th", { scope: "col" }, text));
  const table = make("table", {},
    make("thead", {}, make("tr", {}, ...head)),
    make("tbody", {}, ...state.plan.map(row)));
  const unknown = state.plan.every((each) => each.seconds_to_first_token === null);
  const hint = unknown ? `Seconds are known ${LATER}.` : "Memory is what the whole server may reach.";
  byId("plan").replaceChildren(table, make("p", { class: "hint" }, hint));
  if (held) byId("plan").querySelector(":checked")?.focus();
}

function row(each) {
  const choose = make("input", {
    type: "radio", name: "resolution", value: each.resolution,
    change: () => state.set({ resolution: each.resolution }),
  });
  choose.checked = each.resolution === state.resolution;
  const wait = each.seconds_to_first_token;
  return make("tr", {},
    make("td", {}, make("label", {}, choose, resolutionName(each.resolution))),
    make("td", {}, String(each.tiles)),
    make("td", {}, each.prompt_tokens.toLocaleString("en")),
    make("td", {}, each.predicted_bytes === null ? "–" : megabytes(each.predicted_bytes)),
    make("td", {}, wait === null ? "–" : seconds(wait)));
}
