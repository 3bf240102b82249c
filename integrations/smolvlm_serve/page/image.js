// Sends a picture or document to the server, and shows the page of it that the model is shown.

import { blob, sendFile } from "./api.js";
import { byId, tell } from "./dom.js";
import { state } from "./state.js";

const fault = byId("picture-error");
let sending = null;
let url = null;

export function startImage() {
  const input = byId("file");
  input.addEventListener("change", () => {
    if (input.files.length) take(input.files[0]);
    input.value = ""; // so that the same file may be chosen again
  });
  startDrop(byId("drop"));
  document.addEventListener("paste", (event) => {
    const [file] = event.clipboardData?.files ?? [];
    if (!file) return; // text goes where the person types
    event.preventDefault();
    take(file);
  });
  byId("page").addEventListener("change", (event) => turnTo(Number(event.target.value)));
  byId("page-before").addEventListener("click", () => turnTo(state.page - 1));
  byId("page-after").addEventListener("click", () => turnTo(state.page + 1));
  state.on("file page", show);
}

function startDrop(zone) {
  let inside = 0; // enter and leave are told of every child, too
  const mark = (change) => zone.classList.toggle("over", (inside = change) > 0);
  document.addEventListener("dragenter", () => mark(inside + 1));
  document.addEventListener("dragleave", () => mark(inside - 1));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(0);
    const [file] = event.dataTransfer.files;
    if (file) take(file);
  });
}

async function take(file) {
  sending?.abort();
  const mine = (sending = new AbortController());
  tell(fault, null);
  byId("file-hint").textContent = `Reading ${file.name} …`;
  try {
    const sent = await sendFile(file, mine.signal);
    state.page = 1;
    state.set({ file: sent });
  } catch (error) {
    if (error.name !== "AbortError") tell(fault, error);
  } finally {
    if (mine === sending) byId("file-hint").textContent = "or drop one here, or paste one with Ctrl+V";
  }
}

function turnTo(page) {
  state.set({ page: Math.min(Math.max(Math.round(page) || 1, 1), state.file.pages) });
}

async function show() {
  const { file, page } = state;
  try {
    const picture = await blob(`/v1/files/${file.id}/pages/${page}`);
    if (file !== state.file || page !== state.page) return; // another one was chosen meanwhile
    if (url) URL.revokeObjectURL(url);
    url = URL.createObjectURL(picture);
    byId("image").src = url;
    byId("image").alt = file.pages > 1 ? `${file.filename}, page ${page}` : file.filename;
    byId("drop").querySelector("strong").textContent = "Choose another";
    byId("picture").classList.add("has-picture");
    byId("shown").hidden = false;
    showPages(file, page);
    tell(fault, null);
  } catch (error) {
    tell(fault, error);
  }
}

function showPages(file, page) {
  byId("pages").hidden = file.pages < 2;
  byId("page").value = page;
  byId("page").max = file.pages;
  byId("page-count").textContent = `of ${file.pages}`;
  byId("page-before").disabled = page === 1;
  byId("page-after").disabled = page === file.pages;
}
