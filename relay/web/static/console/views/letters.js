/** Dead letters: what was given up, for a person to decide. */
import { html, useState } from "../../ui/lib.js";
import { t } from "../../ui/i18n.js";
import { Icon } from "../../ui/icons.js";
import { Dialog } from "../../ui/dialog.js";
import { exact, now, span } from "../../ui/time.js";
import { go, place } from "../model/address.js";
import { chosen, decide, everything, letters, readLetters, readMore } from "../model/letters.js";
import { hasPanel, may, status } from "../model/status.js";
import { Go } from "./app.js";

const MANY = 20; // from here on the number has to be typed before something is thrown away

function Filters() {
  const { destination, reason } = place.value;
  const names = [...new Set([...(status.value?.connections ?? []).map((c) => c.name), ...letters.value.items.map((l) => l.destination), destination].filter(Boolean))];
  const reasons = [...new Set([...letters.value.items.map((l) => l.reason), reason].filter(Boolean))].sort();
  return html`<div class="filters">
    <label>${t("destination")}<select value=${destination} onChange=${(/** @type {any} */ e) => go({ destination: e.target.value })}>
      <option value="">${t("dead.all")}</option>${names.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
    </select></label>
    <label>${t("dead.reason")}<select value=${reason} onChange=${(/** @type {any} */ e) => go({ reason: e.target.value })}>
      <option value="">${t("dead.reason.all")}</option>${reasons.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}
    </select></label>
  </div>`;
}

/** @param {{letter: import("../model/letters.js").Letter}} props */
function Row({ letter }) {
  const ticked = chosen.value.has(letter.id);
  const tick = () => {
    const next = new Set(chosen.value);
    if (!next.delete(letter.id)) next.add(letter.id);
    chosen.value = next;
    everything.value = false;
  };
  return html`<tr class=${ticked ? "ticked" : ""} data-letter=${letter.id}>
    <td class="tick"><input type="checkbox" checked=${ticked || everything.value} aria-label=${t("select", { id: letter.id })} onChange=${tick} /></td>
    <td data-label=${t("destination")}>${letter.destination}</td>
    <td data-label=${t("conversation")}>${letter.conversation ? (hasPanel ? html`<a href=${`/panel?tab=open&c=${letter.conversation}`}>#${letter.conversation}</a>` : `#${letter.conversation}`) : "—"}</td>
    <td class="wide" dir="auto" data-label=${t("text")}>${letter.text || "—"}</td>
    <td class="wide" dir="auto" data-label=${t("words")}>${letter.said || letter.reason}${letter.said && letter.reason ? html` <span class="soft">(${letter.reason})</span>` : ""}</td>
    <td data-label=${t("tries")}>${letter.attempts}</td>
    <td data-label=${t("age")}>${letter.at ? html`<time datetime=${letter.at} title=${exact(letter.at)}>${span(now.value - Date.parse(letter.at))}</time>` : ""}</td>
    <td><${Go} class="link" to=${{ m: letter.id.slice(0, letter.id.lastIndexOf("-")) }}>${t("hops")}<//></td>
  </tr>`;
}

/** @param {{what: "replay"|"drop", count: number, onclose: () => void, ondone: (done: any[]) => void}} props */
function Decide({ what, count, onclose, ondone }) {
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const careful = what === "drop" && count > MANY;
  const submit = async (/** @type {any} */ event) => {
    event.preventDefault();
    const given = new FormData(event.target);
    setBusy(true);
    const to = given.get("to")?.toString();
    const done = await decide(what, what === "drop" ? { reason: given.get("reason")?.toString() ?? "" } : to ? { to } : {});
    setBusy(false);
    if (done) ondone(done);
    onclose();
  };
  return html`<${Dialog} title=${t(`${what}.title`, { count })} onclose=${onclose}>
    <form class="asking" onSubmit=${submit}>
      <p>${t(`${what}.text`)}</p>
      ${what === "replay" && html`<label>${t("replay.where")}<select name="to"><option value="">${t("replay.same")}</option>${(status.value?.connections ?? []).map((c) => html`<option key=${c.name} value=${c.name}>${c.name}</option>`)}</select></label>`}
      ${what === "drop" && html`<label>${t("reason")}<input name="reason" maxlength="300" placeholder=${t("reason.hint")} /></label>`}
      ${careful && html`<label>${t("drop.type", { count: String(count) })}<input name="count" inputmode="numeric" autocomplete="off" value=${typed} onInput=${(/** @type {any} */ e) => setTyped(e.target.value)} /></label>`}
      <div class="buttons"><button type="button" class="button" onClick=${onclose}>${t("cancel")}</button>
        <button class=${`button ${what === "drop" ? "danger" : "primary"}`} disabled=${busy || (careful && typed.trim() !== String(count))}>${t(what)} (${count})</button></div>
    </form>
  <//>`;
}

/** @param {{done: any[], onclose: () => void}} props */
function Result({ done, onclose }) {
  const fine = done.filter((one) => one.done).length;
  return html`<${Dialog} title=${t("result.title")} onclose=${onclose}>
    <p>${t("result.done", { count: fine })}${fine < done.length ? html`, <strong class="bad-text">${t("result.failed", { count: done.length - fine })}</strong>` : ""}</p>
    <ul class="result">${done.map((one) => html`<li key=${one.id}>
      <${Icon} name=${one.done ? "check" : "circle-alert"} /> <code>${one.id}</code>${" "}
      ${one.done ? (one.destination ? t("result.sent", { name: one.destination }) : t("result.dropped")) : one.problem || t("result.gone")}
    </li>`)}</ul>
  <//>`;
}

export function Letters() {
  const [asking, ask] = useState(/** @type {""|"replay"|"drop"} */ (""));
  const [done, setDone] = useState(/** @type {any[]|null} */ (null));
  const { items, total, next, error, loading } = letters.value;
  const count = everything.value ? total : chosen.value.size;
  const filtered = Boolean(place.value.destination || place.value.reason);
  const changed = !loading && !filtered && status.value && status.value.dead_letters !== total;
  const page = () => {
    const all = items.every((l) => chosen.value.has(l.id));
    chosen.value = all ? new Set() : new Set(items.map((l) => l.id));
    everything.value = false;
  };
  return html`<section class="letters" aria-label=${t("tab.dead")}>
    <div class="section-head"><h2>${t("dead.count", { count: total })}</h2><span class="spring"></span><${Filters} /></div>
    ${changed && html`<button type="button" class="link changed" onClick=${() => readLetters()}><${Icon} name="refresh-cw" />${t("dead.changed")}</button>`}
    ${error && html`<p class="banner bad" role="alert">${error.message || t("offline")} <button type="button" class="link" onClick=${() => readLetters()}>${t("reload")}</button></p>`}
    ${count > 0 && html`<div class="choice" role="status">
      <strong>${t("selected", { count })}</strong>
      ${!everything.value && total > items.length && html`<button type="button" class="link" onClick=${() => { everything.value = true; }}>${t("select.all", { count: total })}</button>`}
      ${everything.value && html`<button type="button" class="link" onClick=${() => { everything.value = false; }}>${t("select.shown")}</button>`}
      <span class="spring"></span>
      ${may("replay_dead_letters") && html`<button type="button" class="button small primary" onClick=${() => ask("replay")}>${t("replay")}</button>`}
      ${may("drop_dead_letters") && html`<button type="button" class="button small" onClick=${() => ask("drop")}>${t("drop")}</button>`}
    </div>`}
    ${items.length === 0 && !loading && !error && html`<div class="empty"><${Icon} name="circle-check" class="large" /><h3>${t(filtered ? "dead.none.filter" : "dead.none")}</h3>${!filtered && html`<p class="soft">${t("dead.none.text")}</p>`}</div>`}
    ${items.length > 0 && html`<table class="grid cards">
      <thead><tr><td class="tick"><input type="checkbox" aria-label=${t("select.page")} checked=${items.every((l) => chosen.value.has(l.id)) || everything.value} onChange=${page} /></td>
        ${["destination", "conversation", "text", "words", "tries", "age"].map((key) => html`<th key=${key} scope="col">${t(key)}</th>`)}<td></td></tr></thead>
      <tbody>${items.map((letter) => html`<${Row} key=${letter.id} letter=${letter} />`)}</tbody>
    </table>`}
    ${next && html`<button type="button" class="button quiet" onClick=${readMore}>${t("more")}</button>`}
    ${asking && html`<${Decide} what=${asking} count=${count} onclose=${() => ask("")} ondone=${setDone} />`}
    ${done && html`<${Result} done=${done} onclose=${() => setDone(null)} />`}
  </section>`;
}
