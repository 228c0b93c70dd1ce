import { cx, html, signal, useEffect, useState } from "../../ui/lib.js";
import { ask } from "../../ui/api.js";
import { t } from "../../ui/i18n.js";
import { me } from "../model/people.js";

/** @typedef {{name: string, text: string}} Canned */
/** @type {import("../../ui/lib.js").Signal<Canned[]|null>} */
export const canned = signal(null);

export async function readCanned() {
  try {
    const { items } = await ask("GET", "/canned-answers?limit=200");
    canned.value = items;
  } catch {
    canned.value ??= [];
  }
}

/** "/дос" when such a word stands before the cursor, at the start or after a space; else "". @param {string} text @param {number} at */
export function cannedQuery(text, at) {
  return /(?:^|\s)(\/[\p{L}\p{N}_-]*)$/u.exec(text.slice(0, at))?.[1] ?? "";
}

/** With the words for this conversation. @param {string} text @param {import("../model/shapes.js").Row} row */
export function fillIn(text, row) {
  /** @type {Record<string, string>} */
  const facts = { name: row.name.startsWith("#") ? "" : row.name, username: row.username, number: String(row.number), operator: me.value.name, channel: row.channel };
  return text.replace(/\{(\w+)\}/g, (whole, name) => facts[name] ?? whole);
}

/** @param {{query: string, row: import("../model/shapes.js").Row, onchoose: (text: string) => void, onclose: () => void}} props */
export function CannedList({ query, row, onchoose, onclose }) {
  const [at, setAt] = useState(0);
  useEffect(() => { readCanned(); }, []);
  const wanted = query.toLocaleLowerCase();
  const found = (canned.value ?? []).filter((c) => c.name.toLocaleLowerCase().startsWith(wanted) || (wanted.length > 1 && c.text.toLocaleLowerCase().includes(wanted))).slice(0, 8);
  useEffect(() => { setAt(0); }, [query]);
  useEffect(() => {
    const key = (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Escape") onclose();
      else if (!found.length) return;
      else if (event.key === "ArrowDown") setAt((at + 1) % found.length);
      else if (event.key === "ArrowUp") setAt((at - 1 + found.length) % found.length);
      else if ((event.key === "Enter" && !event.shiftKey) || event.key === "Tab") onchoose(found[at].text);
      else return;
      event.preventDefault();
      event.stopPropagation();
    };
    const field = document.getElementById("composer");
    field?.addEventListener("keydown", key, { capture: true });
    return () => field?.removeEventListener("keydown", key, { capture: true });
  });
  if (canned.value === null) return null;
  if (!found.length && canned.value.length) return null;
  return html`<div class="canned" role="listbox" aria-label=${t("canned")}>
    ${!canned.value.length && html`<p class="soft">${t("canned.none")}</p>`}
    ${found.map((c, i) => html`<button key=${c.name} type="button" role="option" aria-selected=${String(i === at)} class=${cx(i === at && "on")} onMouseDown=${(/** @type {Event} */ e) => { e.preventDefault(); onchoose(c.text); }}>
      <b>/${c.name}</b><span dir="auto">${fillIn(c.text, row)}</span></button>`)}
  </div>`;
}
