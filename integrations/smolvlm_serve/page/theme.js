// Light or dark: as the system has it, until the person says otherwise in this tab.

import { byId } from "./dom.js";

const CHOSEN = "smolvlm-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

export function startTheme() {
  const button = byId("theme");
  const current = () => sessionStorage.getItem(CHOSEN) ?? (system.matches ? "dark" : "light");
  const show = () => {
    const chosen = sessionStorage.getItem(CHOSEN);
    if (chosen) document.documentElement.dataset.theme = chosen; // else the style sheet knows
    button.textContent = current() === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `Change to ${button.textContent.toLowerCase()} colours`);
  };
  button.addEventListener("click", () => {
    sessionStorage.setItem(CHOSEN, current() === "dark" ? "light" : "dark");
    show();
  });
  system.addEventListener("change", show);
  show();
}
