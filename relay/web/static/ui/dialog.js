import { html, useEffect, useRef } from "./lib.js";
import { t } from "./i18n.js";
import { IconButton } from "./icons.js";

/**
 * A dialog over the page. The focus goes into it and afterwards back to where it was.
 * @param {{title: string, onclose: () => void, children?: any, class?: string, plain?: boolean}} props `plain`: without a heading
 */
export function Dialog({ title, onclose, children, class: extra, plain }) {
  const element = useRef(/** @type {HTMLDialogElement|null} */ (null));
  useEffect(() => {
    const before = /** @type {HTMLElement|null} */ (document.activeElement);
    element.current?.showModal();
    return () => {
      element.current?.close();
      if (before?.isConnected) before.focus();
    };
  }, []);
  const outside = (/** @type {MouseEvent} */ event) => {
    if (event.target === element.current) onclose();
  };
  return html`<dialog
    ref=${element} class=${extra ? `dialog ${extra}` : "dialog"} aria-label=${title}
    onCancel=${(/** @type {Event} */ e) => { e.preventDefault(); onclose(); }} onMouseDown=${outside}
  >
    <div class="dialog-inner">
      ${!plain && html`<header><h2>${title}</h2><${IconButton} icon="x" label=${t("close")} onclick=${onclose} /></header>`}
      ${children}
    </div>
  </dialog>`;
}
