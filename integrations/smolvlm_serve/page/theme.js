// Light, dark, or what the system prefers; the choice is kept for the next visit.

const KEY = "smolvlm-theme";
const THEMES = ["system", "light", "dark"];

export function setUpTheme(button) {
  let theme = localStorage.getItem(KEY) ?? "system";
  const apply = () => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
  };
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    localStorage.setItem(KEY, theme);
    apply();
  });
  apply();
}
