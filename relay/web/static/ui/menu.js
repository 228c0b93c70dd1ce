import { cx, html, useEffect, useRef, useState } from "./lib.js";
import { Icon } from "./icons.js";

/**
 * @typedef {{label: string, icon?: string, run: () => void, keys?: string, checked?: boolean, danger?: boolean, disabled?: boolean}} Item
 * A button with a menu below it: arrows move, Escape and a click elsewhere close it.
 * @param {{label: string, icon?: string, items: (Item|null)[], class?: string, children?: any, up?: boolean}} props null: a line between
 */
export function Menu({ label, icon, items, class: extra, children, up }) {
  const [open, setOpen] = useState(false);
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const button = useRef(/** @type {HTMLElement|null} */ (null));
  useEffect(() => {
    if (!open) return undefined;
    const choices = () => /** @type {HTMLElement[]} */ ([...(box.current?.querySelectorAll("[role^=menuitem]:not(:disabled)") ?? [])]);
    (choices().find((c) => c.getAttribute("aria-checked") === "true") ?? choices()[0])?.focus();
    const key = (/** @type {KeyboardEvent} */ event) => {
      const all = choices();
      const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
      if (event.key === "Escape" || event.key === "Tab") {
        setOpen(false);
        button.current?.focus();
      } else if (event.key === "ArrowDown") all[(at + 1) % all.length]?.focus();
      else if (event.key === "ArrowUp") all[(at - 1 + all.length) % all.length]?.focus();
      else if (event.key === "Home") all[0]?.focus();
      else if (event.key === "End") all[all.length - 1]?.focus();
      else return;
      event.preventDefault();
      event.stopPropagation();
    };
    const away = (/** @type {MouseEvent} */ event) => {
      if (!box.current?.contains(/** @type {Node} */ (event.target))) setOpen(false);
    };
    const element = box.current;
    element?.addEventListener("keydown", key);
    document.addEventListener("mousedown", away);
    return () => {
      element?.removeEventListener("keydown", key);
      document.removeEventListener("mousedown", away);
    };
  }, [open]);
  const choose = (/** @type {Item} */ item) => {
    setOpen(false);
    button.current?.focus();
    item.run();
  };
  return html`<span class="menu-box" ref=${box}>
    <button ref=${button} type="button" class=${extra ?? "icon-button"} aria-label=${children ? undefined : label} title=${label}
      aria-haspopup="menu" aria-expanded=${String(open)} onClick=${() => setOpen(!open)}>
      ${icon && html`<${Icon} name=${icon} />`}${children}
    </button>
    ${open && html`<div class=${cx("menu", up && "up")} role="menu" aria-label=${label}>
      ${items.map((item, at) =>
        item === null
          ? html`<hr key=${`line${at}`} />`
          : html`<button key=${item.label} type="button" role=${item.checked === undefined ? "menuitem" : "menuitemradio"} disabled=${item.disabled}
              aria-checked=${item.checked === undefined ? undefined : String(item.checked)} class=${cx(item.danger && "danger")} onClick=${() => choose(item)}>
              ${item.icon && html`<${Icon} name=${item.icon} />`}<span dir="auto">${item.label}</span>
              ${item.keys && html`<kbd>${item.keys}</kbd>`}${item.checked && html`<${Icon} name="check" class="end" />`}
            </button>`,
      )}
    </div>`}
  </span>`;
}
