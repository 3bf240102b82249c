// The second answer of a comparison: the same question to another model or with another cut.

import { byId, make } from "./dom.js";
import { takesResolution } from "./kinds.js";
import { RESOLUTIONS, resolutionName } from "./state.js";

export function startCompare() {
  byId("other-resolution").append(...RESOLUTIONS.map((each) =>
    make("option", { value: each }, resolutionName(each))));
  byId("compare").addEventListener("change", () => {
    byId("other").hidden = !byId("compare").checked;
  });
}

// Null where nothing is compared. Throws an Error where both would be the same.
export function otherJob(job) {
  if (!byId("compare").checked) return null;
  const chosen = byId("other-resolution").value;
  const resolution = RESOLUTIONS.find((each) => String(each) === chosen);
  const other = { ...job, model: byId("other-model").value, resolution };
  const sameCut = other.resolution === job.resolution || !takesResolution(job.kind);
  if (other.model === job.model && sameCut) {
    throw new Error("Both answers would be the same: choose another model or cut to compare with.");
  }
  return other;
}
