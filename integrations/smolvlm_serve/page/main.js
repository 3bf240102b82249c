// The page at /: the parts, and how they begin.

import { alertOf } from "./alerts.js";
import { getJson } from "./api.js";
import { byId, setOptions } from "./dom.js";
import { setUpFigures } from "./figures.js";
import { setUpFrame } from "./frame.js";
import { setUpHistory } from "./history.js";
import { setUpPicture } from "./picture.js";
import { setUpPlans } from "./plans.js";
import { setUpQuestion } from "./question.js";
import { setUpRun, showAnswers } from "./run.js";
import { setUpSnippets } from "./snippets.js";
import { get, set, watch } from "./state.js";
import { setUpTheme } from "./theme.js";
import { resolutionName } from "./words.js";

function setUpModels() {
  const select = byId("model");
  select.addEventListener("change", () => set("model", select.value));
  watch(["models"], (models) => {
    const pairs = models.map(({ id }) => [id, id]);
    setOptions(select, pairs);
    const isFirst = byId("other-model").options.length === 0;
    setOptions(byId("other-model"), pairs);
    if (isFirst && models.length > 1) byId("other-model").value = models[1].id;
    if (get("model") !== select.value) set("model", select.value);
  });
  watch(["models", "model"], () => {
    const loaded = get("models").find(({ id }) => id === get("model"))?.loaded;
    const unknown = get("file") ? "loading …" : "loaded when it is needed";
    byId("running").textContent = loaded ? `${loaded.backend}, ${loaded.precision}` : unknown;
    select.value = get("model");
  });
}

function setUpCompare() {
  const resolutions = ["auto", "native", 1, 2, 3, 4];
  setOptions(byId("other-resolution"), resolutions.map((each) => [String(each), resolutionName(each)]));
  byId("compare").addEventListener("change", () => (byId("other").hidden = !byId("compare").checked));
}

/** What is served; asked for again when a model that was not loaded may be now. */
async function listModels() {
  try {
    set("models", (await getJson("v1/models")).data);
  } catch (error) {
    alertOf(error);
  }
}

setUpTheme(byId("theme"));
setUpModels();
setUpCompare();
setUpFrame();
setUpPicture();
setUpPlans();
setUpQuestion();
setUpSnippets();
setUpRun();
setUpFigures();
setUpHistory(showAnswers);
watch(["plans"], (plans) => {
  const loaded = get("models").find(({ id }) => id === get("model"))?.loaded;
  if (plans.length && !loaded) listModels(); // planning has loaded it
});
listModels();
