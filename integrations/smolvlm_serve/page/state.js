// What several parts of the page share. A change is told by an event of its name.

class State extends EventTarget {
  file = null; // as /v1/files describes it
  page = 1;
  resolution = "auto";
  model = null;
  models = [];
  plan = []; // of each resolution, see /v1/plan

  set(changes) {
    Object.assign(this, changes);
    for (const name of Object.keys(changes)) this.dispatchEvent(new Event(name));
  }

  on(names, act) {
    for (const name of names.split(" ")) this.addEventListener(name, act);
  }
}

export const state = new State();

export const RESOLUTIONS = ["auto", "native", 1, 2];

const NAMES = { auto: "Automatic", native: "Full detail", 1: "One tile", 2: "Up to 2 × 2" };
export const resolutionName = (resolution) => NAMES[resolution] ?? String(resolution);
