// The image: dropped, pasted or chosen, sent to the server, and shown page by page.

import { alertOf, clearAlerts } from "./alerts.js";
import { getJson, send } from "./api.js";
import { byId } from "./dom.js";
import { showGrid, showPicture, showUnseen } from "./frame.js";
import { get, set, watch } from "./state.js";

let address = null; // of the picture that is shown; an object URL is held until it is revoked
let wanted = 0; // the last picture asked for: an earlier one that comes late is dropped

export function setUpPicture() {
  const input = byId("file");
  byId("pick").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    if (input.files[0]) upload(input.files[0]);
    input.value = ""; // so that the same file can be chosen again
  });
  setUpDrop(byId("stage"));
  document.addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (!file) return; // text, which goes where it is pasted
    event.preventDefault();
    upload(file);
  });
  setUpPages();
  watch(["file"], showName);
  watch(["file", "page"], showPage);
  watch(["plans", "resolution", "boxes"], showGrid);
}

function setUpDrop(stage) {
  // Dropped beside the stage, a file would be opened by the browser in place of this page.
  for (const kind of ["dragover", "drop"])
    document.addEventListener(kind, (event) => event.preventDefault());
  document.addEventListener("dragover", () => stage.classList.add("over"));
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) stage.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    stage.classList.remove("over");
    const file = event.dataTransfer.files[0];
    if (file) upload(file);
  });
}

/** Send a file to the server and show it; what cannot be read leaves the old one where it was. */
async function upload(file) {
  clearAlerts();
  const stage = byId("stage");
  stage.setAttribute("aria-busy", "true");
  try {
    const form = new FormData();
    form.append("purpose", "user_data");
    form.append("file", file, file.name || "pasted.png");
    const sent = await send("v1/files", { method: "POST", form });
    open(await sent.json(), 1);
  } catch (error) {
    alertOf(error);
  } finally {
    stage.removeAttribute("aria-busy");
  }
}

/** Show a page of a file that the server has. */
export function open(file, page) {
  const same = get("file")?.id === file.id;
  if (same && get("page") === page) return;
  set("plans", []);
  set("page", page);
  set("file", file);
}

/** Open a file of the history again; raises what the server says if it is not there any more. */
export async function reopen(id, page) {
  if (get("file")?.id !== id) open(await getJson(`v1/files/${id}`), page);
  else if (get("page") !== page) set("page", page);
}

function setUpPages() {
  const turn = (to) => {
    const page = Math.min(Math.max(1, Math.trunc(to) || 1), get("file").pages);
    byId("page").value = page;
    if (page !== get("page")) set("page", page);
  };
  byId("page").addEventListener("change", () => turn(Number(byId("page").value)));
  byId("page-before").addEventListener("click", () => turn(get("page") - 1));
  byId("page-after").addEventListener("click", () => turn(get("page") + 1));
}

function showName(file) {
  byId("picture-name").textContent = file.filename;
  byId("picture-name").title = file.filename;
  byId("pick").textContent = "Choose another";
  byId("pages").hidden = file.pages === 1;
  byId("page").max = file.pages;
  byId("page-count").textContent = `of ${file.pages}`;
}

async function showPage() {
  const [file, page] = [get("file"), get("page")];
  if (!file) return;
  byId("page").value = page;
  byId("page-before").disabled = page === 1;
  byId("page-after").disabled = page === file.pages;
  const turn = ++wanted;
  try {
    // Not an <img> with the page's address: that would be asked for without the token.
    const sent = await send(`v1/files/${file.id}/pages/${page}`);
    const blob = await sent.blob();
    if (turn !== wanted) return;
    if (address) URL.revokeObjectURL(address);
    address = URL.createObjectURL(blob);
    const name = file.pages > 1 ? `${file.filename}, page ${page}` : file.filename;
    if (!(await showPicture(address, name))) showUnseen(name);
  } catch (error) {
    alertOf(error);
  }
}
