import { cx, html, useEffect, useRef } from "../../ui/lib.js";
import { t } from "../../ui/i18n.js";
import { Icon, IconButton } from "../../ui/icons.js";
import { Menu } from "../../ui/menu.js";
import { filters, selected, setFilters } from "../model/address.js";
import { channels, severalChannels } from "../model/config.js";
import { held, list, more, pointer, release, reload } from "../model/inbox.js";
import { labels, users } from "../model/people.js";
import { Empty, Failed, LoadingRows } from "./states.js";
import { Tabs } from "./rail.js";
import { Row } from "./row.js";
import { Results, searching } from "./search.js";
import { overlay } from "./overlays.js";

export function Inbox() {
  return html`<section class="pane inbox" aria-label=${t("conversations")}>
    <header class="inbox-head">
      <${SearchField} />
      <span class="narrow-only"><${IconButton} icon="settings" label=${t("settings")} onclick=${() => { overlay.value = { name: "settings" }; }} /></span>
    </header>
    ${searching.value.text ? html`<${Results} />` : html`
      <${Tabs} strip=${true} />
      <${FilterBar} />
      <${List} />`}
  </section>`;
}

function SearchField() {
  const { text } = searching.value;
  return html`<label class="search-field"><${Icon} name="search" /><span class="hidden">${t("search")}</span>
    <input id="search" type="search" placeholder=${t("search.hint")} value=${text} autocomplete="off" spellcheck=${false}
      onInput=${(/** @type {any} */ e) => { searching.value = { ...searching.value, text: e.target.value }; }}
      onKeyDown=${(/** @type {KeyboardEvent} */ e) => {
        if (e.key === "Escape") { e.preventDefault(); searching.value = { text: "", inside: 0 }; /** @type {HTMLElement} */ (e.target).blur(); }
        if (e.key === "ArrowDown") { e.preventDefault(); /** @type {HTMLElement|null} */ (document.querySelector(".results a, .rows a"))?.focus(); }
      }} />
    ${text ? html`<${IconButton} icon="x" label=${t("search.clear")} class="small" onclick=${() => { searching.value = { text: "", inside: 0 }; }} />` : html`<kbd>/</kbd>`}
  </label>`;
}

function FilterBar() {
  const { tab, channel, label, assignee, order } = filters.value;
  /** @param {"channel"|"label"|"assignee"} name @param {string} icon @param {string[]} values @param {string} chosen */
  const group = (name, icon, values, chosen) => values.map((value) => ({ label: value, icon, checked: chosen === value, run: () => setFilters({ [name]: chosen === value ? "" : value }) }));
  const groups = [
    severalChannels ? group("channel", "message-circle", channels.map((c) => c.name), channel) : [],
    group("label", "tag", labels.value.map((l) => l.name), label),
    users.value.length > 1 && tab !== "mine" && tab !== "unassigned" ? group("assignee", "user", users.value.map((u) => u.name), assignee) : [],
  ].filter((g) => g.length);
  const set = /** @type {["channel"|"label"|"assignee", string][]} */ ([["channel", channel], ["label", label], ["assignee", assignee]]).filter(([, value]) => value);
  return html`<div class="filter-bar">
    <${Menu} class="filter" label=${t("filter.order")} items=${["newest", "waiting"].map((o) => ({ label: t(`order.${o}`), checked: order === o, run: () => setFilters({ order: /** @type {any} */ (o) }) }))}>
      ${t(`order.${order}`)}<${Icon} name="chevron-down" /></${Menu}>
    <span class="spring"></span>
    ${set.map(([name, value]) => html`<button key=${name} type="button" class="filter set" aria-label=${t("filter.remove", { name: value })} onClick=${() => setFilters({ [name]: "" })}><bdi>${value}</bdi><${Icon} name="x" /></button>`)}
    ${groups.length > 0 && html`<${Menu} class="filter" label=${t("filter")} items=${groups.flatMap((g, at) => (at ? [null, ...g] : g))}><${Icon} name="list-filter" />${set.length ? null : t("filter")}</${Menu}>`}
  </div>`;
}

function List() {
  const { ids, next, loading, error } = list.value;
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const end = useRef(/** @type {HTMLElement|null} */ (null));
  useEffect(() => {
    if (!end.current) return undefined;
    const watch = new IntersectionObserver((seen) => seen.some((s) => s.isIntersecting) && more(), { root: box.current, rootMargin: "600px" });
    watch.observe(end.current);
    return () => watch.disconnect();
  }, [next]);
  useEffect(() => {
    box.current?.querySelector("[aria-current=true]")?.scrollIntoView({ block: "nearest" });
  }, [selected.value]);
  if (error && !ids.length) return html`<${Failed} error=${error} again=${reload} />`;
  if (loading && !ids.length) return html`<${LoadingRows} />`;
  if (!ids.length) return html`<${NoRows} />`;
  return html`<div class=${cx("list", loading && "busy")} ref=${box} onPointerEnter=${(/** @type {PointerEvent} */ e) => e.pointerType === "mouse" && pointer.enter()} onPointerLeave=${pointer.leave}>
    ${held.value.size ? html`<button type="button" class="held-pill" onClick=${release}>${t("list.held", { count: held.value.size })}</button>` : null}
    <ul class="rows" onKeyDown=${arrows}>${ids.map((n) => html`<li key=${n}><${Row} number=${n} /></li>`)}</ul>
    <div ref=${end} class="list-end">${next ? t("loading") : null}</div>
  </div>`;
}

function NoRows() {
  const { tab, channel, label, assignee } = filters.value;
  if (channel || label || assignee) {
    return html`<${Empty} icon="list-filter" title=${t("empty.filter")}>
      <button type="button" class="button" onClick=${() => setFilters({ channel: "", label: "", assignee: "" })}>${t("filter.clear")}</button></${Empty}>`;
  }
  return html`<${Empty} icon=${tab === "failed" || tab === "waiting" ? "circle-check" : "inbox"} title=${t(`empty.${tab}`)} text=${t(`empty.${tab}.text`)} />`;
}

/** @param {KeyboardEvent} event */
function arrows(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const rows = /** @type {HTMLElement[]} */ ([.../** @type {HTMLElement} */ (event.currentTarget).querySelectorAll("a")]);
  const at = rows.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  rows[at + step]?.focus();
  event.preventDefault();
}
