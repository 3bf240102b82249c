// What the parts of the page have in common, and who is told when it changes.

const values = {
  models: [], // as /v1/models lists them
  model: "", // the id of the chosen one
  file: null, // {id, filename, pages} as /v1/files tells it
  page: 1,
  plans: [], // one for each resolution, as /v1/plan tells them
  resolution: "auto",
  boxes: null, // of the check that is shown: {file, page, rows, point, leave, open}
};
const watchers = new Map();

export const get = (name) => values[name];

export function set(name, value) {
  values[name] = value;
  for (const watcher of watchers.get(name) ?? []) watcher(value);
}

/** Call `watcher` whenever one of these values is set. */
export function watch(names, watcher) {
  for (const name of names) watchers.set(name, [...(watchers.get(name) ?? []), watcher]);
}

/** The plan of a resolution, if there is one. */
export const planOf = (resolution) =>
  values.plans.find((plan) => String(plan.resolution) === String(resolution));
