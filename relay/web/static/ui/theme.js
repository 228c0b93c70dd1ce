/** Light, dark, or as the system has it. Kept in the browser. */
import { signal } from "./lib.js";
import { recall, remember } from "./remember.js";

/** @typedef {"light"|"dark"|"system"} Theme */

/** @type {import("./lib.js").Signal<Theme>} */
export const theme = signal(recall("relay-theme", "system"));

/** @param {Theme} chosen */
export function chooseTheme(chosen) {
  theme.value = chosen;
  remember("relay-theme", chosen);
  if (chosen === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}
