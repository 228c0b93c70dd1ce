import { html, signal, useEffect, useState } from "../../ui/lib.js";
import { ask } from "../../ui/api.js";
import { t } from "../../ui/i18n.js";
import { Icon, IconButton } from "../../ui/icons.js";
import { Avatar } from "../../ui/avatar.js";
import { dateOf, exact } from "../../ui/time.js";
import { explain } from "../model/actions.js";
import { channelLabel } from "../model/config.js";
import { rowSignal } from "../model/inbox.js";
import { file as asFile, fileKind } from "../model/shapes.js";
import { overlay } from "./overlays.js";
import { toggleCard } from "./app.js";

/** What is known of each person, by conversation. @type {Map<number, import("../../ui/lib.js").Signal<any>>} */
const cards = new Map();
/** @param {number} number */
const cardOf = (number) => {
  if (!cards.has(number)) cards.set(number, signal(null));
  return /** @type {import("../../ui/lib.js").Signal<any>} */ (cards.get(number));
};

/** @param {number} number */
export async function readCard(number) {
  try {
    cardOf(number).value = await ask("GET", `/contacts/${number}`);
  } catch {
    cardOf(number).value ??= {};
  }
}

/** Who writes: what is known of them. @param {{number: number}} props */
export function Card({ number }) {
  const row = rowSignal(number)?.value;
  const card = cardOf(number).value;
  // Somebody else may have changed it: the row's version moves with everything.
  useEffect(() => { readCard(number); }, [number, row?.version]);
  if (!row) return null;
  const media = (card?.media ?? []).map(asFile);
  return html`<div class="card">
    <header class="card-head"><h2>${t("card")}</h2><${IconButton} icon="x" label=${t("close")} class="small" onclick=${toggleCard} /></header>
    <div class="card-body">
      <div class="card-who">
        <${Avatar} name=${row.name} id=${number} src=${row.avatar} size="big" />
        <h3><bdi>${row.name}</bdi></h3>
        ${row.username && html`<p class="soft" dir="ltr">@${row.username}</p>`}
      </div>
      <dl class="facts">
        <dt>${t("card.channel")}</dt><dd>${channelLabel(row.channel)}</dd>
        <dt>${t("card.number")}</dt><dd>#${number}</dd>
        ${card?.first_seen && html`<dt>${t("card.since")}</dt><dd title=${exact(card.first_seen)}>${dateOf(card.first_seen)}</dd>`}
      </dl>
      <${Fields} number=${number} fields=${card?.fields ?? []} version=${card?.version} />
      <section class="gallery"><h4>${t("card.media")}</h4>
        ${media.length ? html`<div class="gallery-grid">${media.map((/** @type {any} */ f, /** @type {number} */ at) => html`<button key=${f.id + at} type="button" class="thumb" aria-label=${t("picture.open", { name: f.name })} onClick=${() => { overlay.value = { name: "viewer", files: media, at, number }; }}>
          ${fileKind(f) === "image" ? html`<img src=${f.url} alt="" loading="lazy" />` : html`<${Icon} name=${{ video: "video", audio: "music", file: "file" }[fileKind(f)]} />`}</button>`)}</div>` : html`<p class="soft">${t("card.media.none")}</p>`}
      </section>
    </div>
  </div>`;
}

/** Own fields, edited in place. @param {{number: number, fields: {name: string, value: string}[], version: number}} props */
function Fields({ number, fields, version }) {
  const [editing, setEditing] = useState(/** @type {{name: string, value: string}[]|null} */ (null));
  const save = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const wanted = (editing ?? []).filter((f) => f.name.trim());
    try {
      cardOf(number).value = await ask("PATCH", `/contacts/${number}`, { fields: wanted }, { headers: version ? { "If-Match": `"${version}"` } : {} });
      setEditing(null);
    } catch (error) {
      explain(error);
    }
  };
  if (!editing) {
    return html`<section class="fields"><header><h4>${t("card.fields")}</h4><${IconButton} icon="pencil" label=${t("card.edit")} class="small" onclick=${() => setEditing(fields.length ? fields.map((f) => ({ ...f })) : [{ name: "", value: "" }])} /></header>
      ${fields.length ? html`<dl class="facts">${fields.map((f) => html`<dt key=${f.name} dir="auto">${f.name}</dt><dd dir="auto">${f.value}</dd>`)}</dl>` : html`<p class="soft">${t("card.fields.none")}</p>`}</section>`;
  }
  const change = (/** @type {number} */ at, /** @type {object} */ some) => setEditing(editing.map((f, i) => (i === at ? { ...f, ...some } : f)));
  return html`<form class="fields editing" onSubmit=${save}><header><h4>${t("card.fields")}</h4></header>
    ${editing.map((f, at) => html`<div class="field-pair" key=${at}>
      <input dir="auto" value=${f.name} placeholder=${t("card.field.name")} aria-label=${t("card.field.name")} maxlength="64" onInput=${(/** @type {any} */ e) => change(at, { name: e.target.value })} />
      <input dir="auto" value=${f.value} placeholder=${t("card.field.value")} aria-label=${t("card.field.value")} maxlength="1000" onInput=${(/** @type {any} */ e) => change(at, { value: e.target.value })} />
      <${IconButton} icon="x" class="small" label=${t("card.field.remove")} onclick=${() => setEditing(editing.toSpliced(at, 1))} /></div>`)}
    <div class="form-foot"><button type="button" class="link" onClick=${() => setEditing([...editing, { name: "", value: "" }])}><${Icon} name="plus" />${t("card.field.add")}</button><span class="spring"></span>
      <button type="button" class="button small quiet" onClick=${() => setEditing(null)}>${t("cancel")}</button><button class="button small primary">${t("save")}</button></div></form>`;
}
