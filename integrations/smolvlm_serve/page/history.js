// What was asked since the page was opened. It is kept nowhere else.

import { byId, make, percent } from "./dom.js";
import { fillForm } from "./form.js";
import { words } from "./kinds.js";
import { state } from "./state.js";

const MOST = 50;

export function startHistory() {
  const list = byId("asked");
  byId("history").hidden = true;
  state.on("asked", () => {
    byId("history").hidden = false;
    list.prepend(entry(state.asked));
    while (list.children.length > MOST) list.lastChild.remove();
  });
}

function entry({ job, answer }) {
  const again = make("button", { type: "button", class: "quiet small", click: () => fillForm(job) },
    "Use again");
  const where = [job.name, job.pages > 1 && `page ${job.page}`, job.model].filter(Boolean).join(" · ");
  return make("li", {},
    make("div", {}, make("b", {}, words(job)), " ", make("span", { class: "hint" }, where)),
    make("div", {}, `${answer.text || "No answer"} (${percent(answer.confidence)})`),
    again);
}
