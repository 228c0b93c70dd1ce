import { html, useState } from "../../ui/lib.js";
import { Dialog } from "../../ui/dialog.js";
import { locale, t } from "../../ui/i18n.js";
import { Icon } from "../../ui/icons.js";
import { assign, label, snooze } from "../model/actions.js";
import { rowOf } from "../model/inbox.js";
import { labels, me, users } from "../model/people.js";

const format = new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hour12: false });

/** Times worth offering, in this browser's zone. @param {Date} now @returns {[string, Date][]} */
export function snoozeTimes(now) {
  const at = (/** @type {number} */ days, /** @type {number} */ hour) => {
    const day = new Date(now);
    day.setDate(day.getDate() + days);
    day.setHours(hour, 0, 0, 0);
    return day;
  };
  const toMonday = ((8 - now.getDay()) % 7) || 7;
  /** @type {[string, Date][]} */
  const found = [["snooze.hour", new Date(now.getTime() + 3600_000)], ["snooze.3hours", new Date(now.getTime() + 3 * 3600_000)]];
  if (now.getHours() < 16) found.push(["snooze.evening", at(0, 18)]);
  found.push(["snooze.tomorrow", at(1, 9)], ["snooze.monday", at(toMonday, 9)]);
  return found;
}

/** @param {{number: number, onclose: () => void}} props */
export function SnoozePicker({ number, onclose }) {
  const [own, setOwn] = useState("");
  const choose = (/** @type {Date} */ until) => { onclose(); snooze(number, until); };
  return html`<${Dialog} title=${t("snooze")} onclose=${onclose} class="picker">
    <p class="soft">${t("snooze.text")}</p>
    <div class="picker-list">${snoozeTimes(new Date()).map(([key, until], at) => html`<button key=${key} type="button" autofocus=${at === 0} onClick=${() => choose(until)}><span>${t(key)}</span><time class="soft">${format.format(until)}</time></button>`)}</div>
    <form class="picker-own" onSubmit=${(/** @type {Event} */ e) => { e.preventDefault(); if (own && new Date(own) > new Date()) choose(new Date(own)); }}>
      <label>${t("snooze.own")}<input type="datetime-local" value=${own} onInput=${(/** @type {any} */ e) => setOwn(e.target.value)} /></label><button class="button small" disabled=${!own}>${t("snooze")}</button></form>
  </${Dialog}>`;
}

/** @param {{number: number, onclose: () => void}} props */
export function AssignPicker({ number, onclose }) {
  const now = rowOf(number)?.assignee;
  const choose = (/** @type {string} */ name) => { onclose(); assign(number, name); };
  const names = [me.value.name, ...users.value.map((u) => u.name).filter((n) => n !== me.value.name)];
  return html`<${Dialog} title=${t("assign")} onclose=${onclose} class="picker"><div class="picker-list">
    ${names.map((name, at) => html`<button key=${name} type="button" autofocus=${at === 0} onClick=${() => choose(name)}><span dir="auto">${at === 0 ? t("assign.me") : name}</span>${now === name && html`<${Icon} name="check" />`}</button>`)}
    <button type="button" onClick=${() => choose("")}><span>${t("assign.nobody")}</span>${!now && html`<${Icon} name="check" />`}</button></div></${Dialog}>`;
}

/** @param {{number: number, onclose: () => void}} props */
export function LabelPicker({ number, onclose }) {
  const [wanted, setWanted] = useState("");
  const have = rowOf(number)?.labels ?? [];
  const word = wanted.trim();
  const known = [...new Set([...labels.value.map((l) => l.name), ...have])].filter((n) => n.toLocaleLowerCase().includes(word.toLocaleLowerCase()));
  const toggle = (/** @type {string} */ name) => label(number, have.includes(name) ? have.filter((n) => n !== name) : [...have, name]);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const name = known.find((n) => n.toLocaleLowerCase() === word.toLocaleLowerCase()) ?? (known.length === 1 ? known[0] : word);
    if (!name) return;
    toggle(name);
    onclose();
  };
  return html`<${Dialog} title=${t("label")} onclose=${onclose} class="picker">
    <form onSubmit=${submit}><input class="picker-field" autofocus value=${wanted} maxlength="40" placeholder=${t("label.hint")} aria-label=${t("label.hint")} onInput=${(/** @type {any} */ e) => setWanted(e.target.value)} /></form>
    <div class="picker-list">${known.map((name) => html`<button key=${name} type="button" role="checkbox" aria-checked=${String(have.includes(name))} onClick=${() => toggle(name)}><span class="label" dir="auto">${name}</span>${have.includes(name) && html`<${Icon} name="check" />`}</button>`)}
      ${word && !known.includes(word) && html`<button type="button" onClick=${() => { toggle(word); onclose(); }}><${Icon} name="plus" /><span dir="auto">${t("label.new", { name: word })}</span></button>`}</div>
  </${Dialog}>`;
}
