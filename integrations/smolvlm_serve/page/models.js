// The models that are served, in the selects that offer them.

import { get } from "./api.js";
import { byId, make } from "./dom.js";
import { state } from "./state.js";

export async function startModels() {
  const select = byId("model");
  select.addEventListener("change", () => state.set({ model: select.value }));
  const { data } = await get("/v1/models");
  for (const each of [select, byId("other-model")]) {
    each.replaceChildren(...data.map(({ id }) => make("option", { value: id }, id)));
  }
  if (data.length > 1) byId("other-model").value = data[1].id;
  state.set({ models: data, model: data[0].id });
}
