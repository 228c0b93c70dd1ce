/** Counts for each hour, as plots and as a table. */
import { html, useEffect, useRef, useState } from "../../ui/lib.js";
import { locale, t } from "../../ui/i18n.js";
import { ask, query } from "../../ui/api.js";
import { theme } from "../../ui/theme.js";
import { place } from "../model/address.js";
import { Go } from "./app.js";

const HOUR_S = 3600;
const HOURS = { day: 24, week: 168, month: 744 };
const moment = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hour12: false });
const number = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });

/** Rows of the answer to columns, an hour each; hours in which nothing happened are there too. @param {any[]} items @param {number} hours */
export function columns(items, hours) {
  const last = Math.floor(Date.now() / 1000 / HOUR_S) * HOUR_S;
  const at = Array.from({ length: hours + 1 }, (_, i) => last - (hours - i) * HOUR_S);
  const index = new Map(at.map((s, i) => [s, i]));
  const received = at.map(() => 0);
  const answered = at.map(() => 0);
  const waits = at.map(() => ({ count: 0, sum: 0 }));
  for (const item of items) {
    const i = index.get(Math.floor(Date.parse(item.at) / 1000));
    if (i === undefined) continue;
    if (item.metric === "received") received[i] += item.count;
    if (item.metric === "answered") answered[i] += item.count;
    if (item.metric === "waited") {
      waits[i].count += item.count;
      waits[i].sum += item.count * item.mean_ms;
    }
  }
  return { at, received, answered, waited: waits.map((w) => (w.count ? w.sum / w.count / 60_000 : null)) };
}

/** @param {{data: any[], series: {label: string, colour: string}[], label: string}} props */
function Plot({ data, series, label }) {
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  useEffect(() => {
    const element = box.current;
    const uPlot = /** @type {any} */ (window).uPlot;
    if (!element || !uPlot) return undefined;
    const resolved = (/** @type {string} */ name) => { const probe = document.createElement("i"); probe.className = `tone-${name}`; element.append(probe); const c = getComputedStyle(probe).color; probe.remove(); return c; };
    const axis = { stroke: resolved("soft"), grid: { stroke: resolved("line"), width: 1 }, ticks: { stroke: resolved("line"), width: 1 }, font: "12px system-ui, sans-serif" };
    const plot = new uPlot({
      width: element.clientWidth, height: 220, cursor: { drag: { x: false, y: false } },
      axes: [{ ...axis, values: (/** @type {any} */ _u, /** @type {number[]} */ all) => all.map((s) => moment.format(s * 1000).replace(/^.*, /, "")), space: 70 }, { ...axis, size: 46, values: (/** @type {any} */ _u, /** @type {number[]} */ all) => all.map((v) => number.format(v)) }],
      scales: { y: { range: (/** @type {any} */ _u, /** @type {number} */ _lo, /** @type {number} */ hi) => [0, Math.max(hi * 1.1, 1)] } },
      series: [{ label: t("figures.at"), value: (/** @type {any} */ _u, /** @type {number} */ s) => (s ? moment.format(s * 1000) : "—") },
        ...series.map((s) => ({ label: s.label, stroke: resolved(s.colour), width: 2, spanGaps: false, points: { size: 5 }, value: (/** @type {any} */ _u, /** @type {number|null} */ v) => (v === null || v === undefined ? "—" : number.format(v)) }))],
    }, data, element);
    const watch = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: 220 }));
    watch.observe(element);
    return () => { watch.disconnect(); plot.destroy(); };
  }, [data, theme.value]);
  return html`<figure class="plot"><figcaption>${label}</figcaption><div ref=${box} role="img" aria-label=${label}></div></figure>`;
}

export function Figures() {
  const range = /** @type {keyof typeof HOURS} */ (place.value.range);
  const [shown, setShown] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  useEffect(() => {
    let current = true;
    const read = () => ask("GET", `/figures${query({ range })}`).then(({ items }) => { if (current) { setShown(prepared(items, HOURS[range])); setError(null); } }, setError);
    read();
    const timer = setInterval(read, 30_000);
    return () => { current = false; clearInterval(timer); };
  }, [range]);
  const rows = shown ? shown.columns.at.map((/** @type {number} */ s, /** @type {number} */ i) => [s, shown.columns.received[i], shown.columns.answered[i], shown.columns.waited[i]]).filter((/** @type {any[]} */ r) => r[1] || r[2] || r[3] !== null).reverse() : [];
  return html`<section class="figures" aria-label=${t("tab.figures")}>
    <div class="section-head"><h2>${t("tab.figures")}</h2><span class="spring"></span><nav class="segments" aria-label=${t("figures.range")}>
      ${Object.keys(HOURS).map((one) => html`<${Go} key=${one} to=${{ range: one }} class="segment" current=${one === range}>${t(`range.${one}`)}<//>`)}
    </nav></div>
    ${error && html`<p class="banner bad" role="alert">${error.message || t("offline")}</p>`}
    ${!shown && !error && html`<p class="soft">${t("loading")}</p>`}
    ${shown && html`<div class="plots">
      <${Plot} label=${t("figures.messages")} data=${shown.messages} series=${[{ label: t("figures.received"), colour: "accent" }, { label: t("figures.answered"), colour: "good" }]} />
      <${Plot} label=${t("figures.waited")} data=${shown.waits} series=${[{ label: t("figures.wait"), colour: "warn" }]} />
    </div>
    ${rows.length === 0 ? html`<p class="soft">${t("figures.none")}</p>` : html`<table class="grid numbers"><caption>${t("figures.table")}</caption>
      <thead><tr><th scope="col">${t("figures.at")}</th><th scope="col">${t("figures.received")}</th><th scope="col">${t("figures.answered")}</th><th scope="col">${t("figures.waited")}</th></tr></thead>
      <tbody>${rows.map((/** @type {any[]} */ r) => html`<tr key=${r[0]}><th scope="row">${moment.format(r[0] * 1000)}</th><td>${number.format(r[1])}</td><td>${number.format(r[2])}</td><td>${r[3] === null ? "—" : number.format(r[3])}</td></tr>`)}</tbody>
    </table>`}`}
  </section>`;
}

/** @param {any[]} items @param {number} hours */
function prepared(items, hours) {
  const found = columns(items, hours);
  return { columns: found, messages: [found.at, found.received, found.answered], waits: [found.at, found.waited] };
}
