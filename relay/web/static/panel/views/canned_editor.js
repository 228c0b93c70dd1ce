import { html, useEffect, useState } from "../../ui/lib.js";
import { ask } from "../../ui/api.js";
import { t } from "../../ui/i18n.js";
import { Icon, IconButton } from "../../ui/icons.js";
import { explain } from "../model/actions.js";
import { canned, readCanned } from "./canned.js";

const KNOWN = ["name", "username", "number", "operator", "channel"];

/** Canned answers, changed where they are listed. */
export function CannedEditor() {
  const [editing, setEditing] = useState(/** @type {{name: string, text: string, was: string}|null} */ (null));
  useEffect(() => { readCanned(); }, []);
  const strange = editing ? [...editing.text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).filter((n) => !KNOWN.includes(n)) : [];
  const save = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!editing || strange.length) return;
    try {
      await ask("PUT", `/canned-answers/${encodeURIComponent(editing.name)}`, { text: editing.text });
      if (editing.was && editing.was !== editing.name) await ask("DELETE", `/canned-answers/${encodeURIComponent(editing.was)}`);
      setEditing(null);
      await readCanned();
    } catch (error) {
      explain(error);
    }
  };
  const remove = async (/** @type {string} */ name) => {
    await ask("DELETE", `/canned-answers/${encodeURIComponent(name)}`).catch(explain);
    await readCanned();
  };
  return html`<section class="canned-editor"><h3>${t("canned")}</h3><p class="soft">${t("canned.text")}</p>
    ${(canned.value ?? []).map((c) => editing?.was !== c.name && html`<div key=${c.name} class="canned-line"><b dir="auto">/${c.name}</b><span dir="auto">${c.text}</span>
      <${IconButton} icon="pencil" class="small" label=${t("canned.edit", { name: c.name })} onclick=${() => setEditing({ ...c, was: c.name })} /><${IconButton} icon="trash-2" class="small" label=${t("canned.remove", { name: c.name })} onclick=${() => remove(c.name)} /></div>`)}
    ${editing ? html`<form class="canned-form" onSubmit=${save}>
      <label><span>/</span><input required maxlength="32" pattern="[\\p{L}\\p{N}_\\-]+" value=${editing.name} placeholder=${t("canned.name")} aria-label=${t("canned.name")} onInput=${(/** @type {any} */ e) => setEditing({ ...editing, name: e.target.value })} /></label>
      <textarea required rows="3" dir="auto" maxlength="4000" value=${editing.text} aria-label=${t("canned.words")} placeholder=${t("canned.words")} onInput=${(/** @type {any} */ e) => setEditing({ ...editing, text: e.target.value })}></textarea>
      ${strange.length > 0 && html`<p class="bad-text" role="alert">${t("canned.unknown", { name: `{${strange[0]}}`, known: KNOWN.map((n) => `{${n}}`).join(", ") })}</p>`}
      <div class="form-foot"><span class="spring"></span><button type="button" class="button small quiet" onClick=${() => setEditing(null)}>${t("cancel")}</button><button class="button small primary" disabled=${strange.length > 0}>${t("save")}</button></div></form>`
    : html`<button type="button" class="link" onClick=${() => setEditing({ name: "", text: "", was: "" })}><${Icon} name="plus" />${t("canned.add")}</button>`}
  </section>`;
}
