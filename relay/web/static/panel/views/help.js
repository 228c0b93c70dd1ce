import { html } from "../../ui/lib.js";
import { Dialog } from "../../ui/dialog.js";
import { t } from "../../ui/i18n.js";
import { KEYS, keysOn, switchKeys } from "../model/keys.js";

/** The keys, from the table that they work by. @param {{onclose: () => void}} props */
export function Help({ onclose }) {
  return html`<${Dialog} title=${t("key.title")} onclose=${onclose} class="help">
    <div class="key-groups">${["go", "write", "do"].map((group) => html`<section key=${group}><h3>${t(`key.group.${group}`)}</h3><dl>
      ${[...new Set(KEYS.filter((k) => k.group === group).map((k) => k.id))].map((id) => html`<div key=${id}><dt>${KEYS.filter((k) => k.id === id && k.group === group).map((k) => html`<kbd key=${k.keys}>${k.keys}</kbd>`)}</dt><dd>${t(`key.${id}`)}</dd></div>`)}
      ${group === "write" && html`<div><dt><kbd>Enter</kbd></dt><dd>${t("key.send")}</dd></div><div><dt><kbd>/</kbd></dt><dd>${t("key.canned")}</dd></div>`}
    </dl></section>`)}</div>
    <label class="check"><input type="checkbox" checked=${keysOn.value} onChange=${(/** @type {any} */ e) => switchKeys(e.target.checked)} />${t("key.on")}</label>
  </${Dialog}>`;
}
