/** Short words about what has just happened, out of the way of what one is doing. Read out politely. */
import { html, signal } from "./lib.js";
import { t } from "./i18n.js";
import { Icon } from "./icons.js";

/** @typedef {{id: number, text: string, kind: string, action?: {label: string, run: () => void}}} Toast */

/** @type {import("./lib.js").Signal<Toast[]>} */
const shown = signal([]);
let count = 0;

/** @param {string} text @param {{kind?: string, action?: {label: string, run: () => void}, ms?: number}} [more] */
export function toast(text, { kind = "", action, ms = 6000 } = {}) {
  count += 1;
  const one = { id: count, text, kind, action };
  shown.value = [...shown.value.slice(-2), one];
  setTimeout(() => dismiss(one.id), action ? ms + 2000 : ms);
}

/** @param {number} id */
const dismiss = (id) => {
  shown.value = shown.value.filter((one) => one.id !== id);
};

export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${shown.value.map(
      (one) => html`<div class=${`toast ${one.kind}`} key=${one.id}>
        <span>${one.text}</span>
        ${one.action && html`<button type="button" class="link" onClick=${() => { dismiss(one.id); one.action?.run(); }}>${one.action.label}</button>`}
        <button type="button" class="icon-button small" aria-label=${t("close")} onClick=${() => dismiss(one.id)}><${Icon} name="x" /></button>
      </div>`,
    )}
  </div>`;
}
