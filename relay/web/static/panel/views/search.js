import { html, signal, useEffect } from "../../ui/lib.js";
import { ask, query } from "../../ui/api.js";
import { t } from "../../ui/i18n.js";
import { Avatar } from "../../ui/avatar.js";
import { highlighted } from "../../ui/links.js";
import { When } from "../../ui/time.js";
import { open, selected } from "../model/address.js";
import { takeRow } from "../model/inbox.js";
import { message as asMessage, row as asRow } from "../model/shapes.js";
import { Empty, Failed, LoadingRows } from "./states.js";

/** What is searched for; `inside`: only in this conversation. */
export const searching = signal({ text: "", inside: 0 });
/** @type {import("../../ui/lib.js").Signal<{for: string, contacts: any[], messages: any[], next: string|null, loading: boolean, error: Error|null}>} */
const results = signal({ for: "", contacts: [], messages: [], next: null, loading: false, error: null });

/** @type {Map<string, [number, number][]>} marked places of found messages */
const marked = new Map();
/** @param {string} id */
export const marks = (id) => (searching.value.text ? marked.get(id) : undefined);

let asked = 0;
/** @param {string} text @param {number} inside @param {string|null} [cursor] */
async function find(text, inside, cursor = null) {
  asked += 1;
  const mine = asked;
  results.value = { ...results.value, for: text, loading: true, error: null };
  try {
    const answer = await ask("GET", `/search${query({ q: text, conversation: inside || null, cursor, limit: 30 })}`);
    if (mine !== asked) return;
    const contacts = [];
    const messages = [];
    for (const item of answer.items) {
      const row = asRow(item.conversation ?? item.contact ?? item);
      if (item.message) {
        const found = { row, message: asMessage(item.message), marks: item.marks ?? [] };
        marked.set(found.message.id, found.marks);
        messages.push(found);
      } else contacts.push(row);
      if (item.conversation?.last) takeRow(item.conversation);
    }
    const before = cursor ? results.value : { contacts: [], messages: [] };
    results.value = { for: text, contacts: [...before.contacts, ...contacts], messages: [...before.messages, ...messages], next: answer.next, loading: false, error: null };
  } catch (error) {
    if (mine === asked) results.value = { ...results.value, loading: false, error: /** @type {Error} */ (error) };
  }
}

export function Results() {
  const { text, inside } = searching.value;
  const jump = /^#?\s*(\d{1,9})$/.exec(text.trim());
  useEffect(() => {
    const timer = setTimeout(() => text.trim().length > 1 && find(text.trim(), inside), 180);
    return () => clearTimeout(timer);
  }, [text, inside]);
  const { contacts, messages, next, loading, error } = results.value;
  const fresh = results.value.for === text.trim();
  return html`<div class="results list">
    <label class="inside soft">${selected.value ? html`<input type="checkbox" checked=${Boolean(inside)} onChange=${(/** @type {any} */ e) => { searching.value = { text, inside: e.target.checked ? selected.value : 0 }; }} />${t("search.inside")}` : null}</label>
    ${jump && html`<a class="row jump" href=${`/panel?c=${jump[1]}`} onClick=${(/** @type {Event} */ e) => { e.preventDefault(); open(Number(jump[1])); }}>${t("search.jump", { name: `#${jump[1]}` })}</a>`}
    ${error ? html`<${Failed} error=${error} again=${() => find(text.trim(), inside)} />` : null}
    ${!error && contacts.length > 0 && html`<h3 class="results-head">${t("search.people")}</h3>
      <ul class="rows">${contacts.map((row) => html`<li key=${row.number}><${Hit} row=${row} /></li>`)}</ul>`}
    ${!error && messages.length > 0 && html`<h3 class="results-head">${t("search.messages")}</h3>
      <ul class="rows">${messages.map(({ row, message, marks: places }) => html`<li key=${message.id}><${Hit} row=${row} message=${message} places=${places} /></li>`)}</ul>`}
    ${loading && !fresh && html`<${LoadingRows} count=${4} />`}
    ${!error && fresh && !loading && !contacts.length && !messages.length && !jump && html`<${Empty} icon="search" title=${t("search.none", { text })} text=${t("search.none.text")} />`}
    ${next && !loading && html`<button type="button" class="button quiet more-results" onClick=${() => find(text.trim(), inside, next)}>${t("more.results")}</button>`}
  </div>`;
}

/** @param {{row: import("../model/shapes.js").Row, message?: import("../model/shapes.js").Message, places?: [number, number][]}} props */
function Hit({ row, message, places = [] }) {
  const click = (/** @type {MouseEvent} */ e) => {
    if (e.ctrlKey || e.metaKey) return;
    e.preventDefault();
    open(row.number, message?.id);
  };
  // From a little before the first hit: in a long message it would not be seen.
  const from = message && places[0] && places[0][0] > 60 ? message.text.lastIndexOf(" ", places[0][0] - 30) + 1 : 0;
  const text = message ? message.text.slice(from, from + 240) : "";
  const here = places.map(([a, b]) => /** @type {[number, number]} */ ([a - from, b - from]));
  return html`<a class="row hit" href=${`/panel?c=${row.number}${message ? `&m=${message.id}` : ""}`} aria-current=${selected.value === row.number && !message ? "true" : undefined} onClick=${click}>
    <${Avatar} name=${row.name} id=${row.number} src=${row.avatar} />
    <span class="row-main"><span class="row-top"><span class="name"><bdi>${row.name}</bdi></span>${message ? html`<${When} at=${message.at} />` : html`<span class="soft">#${row.number}</span>`}</span>
      ${message ? html`<span class="row-text"><span class="last two" dir="auto">${from > 0 ? "…" : ""}${highlighted(text, here)}</span></span>` : html`<span class="row-text"><span class="last">${row.username ? `@${row.username}` : ""} ${row.channel}</span></span>`}
    </span></a>`;
}
