import { html } from "./lib.js";

const SPRITE = new URL("../vendor/lucide-static-1.62.0/icons.svg", import.meta.url).pathname;

/** One of Lucide's icons; a picture only, so the words stand beside it or in a label. @param {{name: string, class?: string}} props */
export const Icon = ({ name, class: extra }) =>
  html`<svg class=${extra ? `icon ${extra}` : "icon"} aria-hidden="true"><use href=${`${SPRITE}#${name}`} /></svg>`;

/**
 * A button that shows an icon; `label` is what it is called, `keys` what does the same.
 * @param {{icon: string, label: string, keys?: string, onclick?: (e: Event) => void, class?: string, pressed?: boolean, disabled?: boolean, id?: string}} props
 */
export function IconButton({ icon, label, keys, onclick, class: extra, pressed, disabled, id }) {
  return html`<button
    type="button" id=${id} class=${extra ? `icon-button ${extra}` : "icon-button"} aria-label=${label} title=${keys ? `${label} (${keys})` : label}
    aria-pressed=${pressed === undefined ? undefined : String(pressed)} disabled=${disabled} onClick=${onclick}
  ><${Icon} name=${icon} /></button>`;
}
