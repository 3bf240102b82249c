// The bearer token, where the server wants one: asked for once, kept in this tab.

import { byId } from "./dom.js";

const KEY = "smolvlm-token";
let asking = null;

export const heldToken = () => sessionStorage.getItem(KEY);

/** Ask for the token; false if the person would not tell. Those who ask meanwhile share it. */
export function askForToken(refused) {
  if (heldToken() && heldToken() !== refused) return Promise.resolve(true);
  asking ??= new Promise((resolve) => show(refused, resolve)).finally(() => (asking = null));
  return asking;
}

function show(refused, resolve) {
  const dialog = byId("token-dialog");
  if (refused) byId("token-why").textContent = "The server did not take that token.";
  byId("token").value = "";
  byId("token-form").onsubmit = () => {
    sessionStorage.setItem(KEY, byId("token").value.trim());
  };
  byId("token-cancel").onclick = () => dialog.close();
  dialog.onclose = () => resolve(heldToken() !== refused);
  dialog.showModal();
}
