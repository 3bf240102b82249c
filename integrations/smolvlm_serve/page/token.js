// The dialog that asks for the server's token.

import { byId } from "./dom.js";

let asking = null;

// Several requests may be refused at once: they wait for the same answer.
export function askForToken(wasWrong) {
  asking ??= ask(wasWrong).finally(() => (asking = null));
  return asking;
}

function ask(wasWrong) {
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
    dialog.showModal();
    field.focus();
  });
}
