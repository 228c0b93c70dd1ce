import { cx, html, useEffect, useRef, useState } from "../../ui/lib.js";
import { Dialog } from "../../ui/dialog.js";
import { t } from "../../ui/i18n.js";
import { Icon } from "../../ui/icons.js";
import { chooseTheme } from "../../ui/theme.js";
import { TABS, open, selected, setFilters } from "../model/address.js";
import { list, rowOf } from "../model/inbox.js";
import { keysOf } from "../model/keys.js";
import { commands, overlay } from "./overlays.js";

const IN_CONVERSATION = ["reply", "note", "close", "take", "assign", "snooze", "label", "unread", "card"];

/** Everything by its name. @param {{onclose: () => void}} props */
export function Palette({ onclose }) {
  const [wanted, setWanted] = useState("");
  const [at, setAt] = useState(0);
  const field = useRef(/** @type {HTMLInputElement} */ (/** @type {any} */ (null)));
  useEffect(() => field.current.focus(), []);
  const all = [
    ...(selected.value ? IN_CONVERSATION.map((id) => ({ label: t(`key.${id}`), icon: "zap", keys: keysOf(id), run: () => commands[id]() })) : []),
    ...TABS.map((tab) => ({ label: t("palette.tab", { name: t(`tab.${tab}`) }), icon: "inbox", keys: undefined, run: () => setFilters({ tab }) })),
    ...["light", "dark", "system"].map((theme) => ({ label: t(`theme.${theme}`), icon: "sun", keys: undefined, run: () => chooseTheme(/** @type {any} */ (theme)) })),
    { label: t("settings"), icon: "settings", keys: undefined, run: () => { overlay.value = { name: "settings" }; } },
    { label: t("key.help"), icon: "keyboard", keys: keysOf("help"), run: () => { overlay.value = { name: "help" }; } },
    ...list.value.ids.map((n) => ({ label: `${rowOf(n)?.name} · #${n}`, icon: "message-circle", keys: undefined, run: () => open(n) })),
  ];
  const words = wanted.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const found = all.filter((one) => words.every((w) => one.label.toLocaleLowerCase().includes(w))).slice(0, 12);
  const number = /^#?(\d{1,9})$/.exec(wanted.trim());
  if (number) found.unshift({ label: t("search.jump", { name: `#${number[1]}` }), icon: "corner-down-left", keys: undefined, run: () => open(Number(number[1])) });
  const choose = (/** @type {number} */ i) => {
    const one = found[i];
    if (!one) return;
    onclose();
    one.run();
  };
  const key = (/** @type {KeyboardEvent} */ event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") setAt((at + 1) % Math.max(1, found.length));
    else if (event.key === "ArrowUp") setAt((at - 1 + found.length) % Math.max(1, found.length));
    else if (event.key === "Enter") choose(at);
    else return;
    event.preventDefault();
  };
  return html`<${Dialog} title=${t("palette")} onclose=${onclose} class="palette" plain=${true}>
    <label class="palette-field"><${Icon} name="search" /><span class="hidden">${t("palette")}</span><input ref=${field} value=${wanted} placeholder=${t("palette.hint")} role="combobox" aria-expanded="true" aria-controls="palette-list" onInput=${(/** @type {any} */ e) => { setWanted(e.target.value); setAt(0); }} onKeyDown=${key} /></label>
    <div id="palette-list" role="listbox" aria-label=${t("palette")}>${found.map((one, i) => html`<button key=${one.label} type="button" role="option" aria-selected=${String(i === at)} class=${cx(i === at && "on")} onMouseMove=${() => setAt(i)} onClick=${() => choose(i)}><${Icon} name=${one.icon} /><span dir="auto">${one.label}</span>${one.keys && html`<kbd>${one.keys}</kbd>`}</button>`)}
      ${!found.length && html`<p class="soft">${t("palette.none")}</p>`}</div>
  </${Dialog}>`;
}
