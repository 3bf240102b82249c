// The dialog that asks for the server's token.

import { byId } from "./dom.js";

export function askForToken(wasWrong) {
  const dialog = byId("token-dialog");
  const field = byId("token");
  byId("token-title").textContent = wasWrong
    ? "That token was not accepted"
    : "This server asks for a token";
  return new Promise((resolve) => {
    const end = () => {
      resolve(dialog.returnValue === "go" && field.value ? field.value : null);
      field.value = "";
    };
    dialog.returnValue = "";
    dialog.addEventListener("close", end, { once: true });
    byId("token-cancel").onclick = () => dialog.close();
    if (!dialog.open) dialog.showModal();
    field.focus();
  });
}
