/** Channels on the left, desks on the right, a line for each route. The same as a table. */
import { html, cx, useEffect, useLayoutEffect, useRef, useState } from "../../ui/lib.js";
import { t } from "../../ui/i18n.js";
import { Icon } from "../../ui/icons.js";
import { exact, now, span } from "../../ui/time.js";
import { place } from "../model/address.js";
import { labels, lasting, may, panels, routes, status } from "../model/status.js";
import { Go } from "./app.js";
import { HoldDialog } from "./asking.js";

/** Colour is never the only sign: each state has a word and a shape. @type {Record<string, [icon: string, look: string]>} */
const LOOKS = {
  working: ["circle-check", "good"], failing: ["triangle-alert", "warn"], paused: ["hand", "warn"], "breaker open": ["zap", "bad"],
  credentials: ["ban", "bad"], "other account": ["users", "bad"], orphaned: ["circle-alert", "bad"],
};
/** @param {string} state @returns {[string, string]} */
const look = (state) => /** @type {[string, string]} */ (LOOKS[state] ?? ["info", "warn"]);
/** @param {string} state */
const word = (state) => t(LOOKS[state] ? `state.${state}` : "state.unknown");
/** @param {import("../model/status.js").Connection} c */
const remedy = (c) => (c.state === "working" ? "" : LOOKS[c.state] ? t(`remedy.${c.state}`) : c.remedy);

/** What can be done about one. @param {{c: import("../model/status.js").Connection}} props */
function Acts({ c }) {
  const [asking, ask] = useState("");
  const can = { pause: may("pause_destination"), resume: may("resume_destination") };
  const held = c.state === "paused" || c.state === "other account";
  return html`<span class="acts">
    ${can.pause && !held && html`<button type="button" class="button small quiet" onClick=${() => ask("pause")}>${t("pause")}</button>`}
    ${can.resume && held && html`<button type="button" class="button small primary" onClick=${() => ask("resume")}>${t("resume")}</button>`}
    ${can.resume && ["breaker open", "credentials", "failing"].includes(c.state) && html`<button type="button" class="button small" onClick=${() => ask("retry")}>${t("retry")}</button>`}
    ${asking && html`<${HoldDialog} name=${c.name} what=${asking} onclose=${() => ask("")} />`}
  </span>`;
}

/** @param {{c: import("../model/status.js").Connection}} props */
function Waiting({ c }) {
  if (!c.backlog) return null;
  const due = c.next_try ? Date.parse(c.next_try) - now.value : 0;
  return html`<span class="waiting">
    <strong>${t("backlog.count", { count: c.backlog })}</strong>
    ${c.oldest && html`<span>${lasting("oldest", c.oldest, now.value)}</span>`}
    ${c.next_try && c.state !== "paused" && html`<span>${due > 1000 ? t("next.try", { time: seconds(due) }) : t("next.now")}</span>`}
  </span>`;
}

/** A short time to come, to the second. @param {number} ms */
const seconds = (ms) => (ms < 60_000 ? new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit: "second", unitDisplay: "short" }).format(Math.ceil(ms / 1000)) : span(ms));

/** @param {{c: import("../model/status.js").Connection}} props */
function Since({ c }) {
  if (!c.since || c.state === "working") return null;
  return html`<time class="soft" datetime=${c.since} title=${exact(c.since)}>${lasting("since.for", c.since, now.value)}</time>`;
}

/** @param {{c: import("../model/status.js").Connection}} props */
function State({ c }) {
  const [icon, tone] = look(c.state);
  return html`<span class=${`state ${tone}`}><${Icon} name=${icon} />${word(c.state)}</span>`;
}

/** @param {{c: import("../model/status.js").Connection}} props */
function NodeCard({ c }) {
  return html`<li class=${cx("node", look(c.state)[1])} id=${`node-${c.name}`} data-node=${c.name} data-state=${c.state}>
    <div class="node-head"><h3 dir="auto">${c.name}</h3><span class="soft kind">${labels[c.name] ?? c.kind}</span><span class="spring"></span><${State} c=${c} /></div>
    ${(c.state !== "working" || c.backlog > 0) && html`<div class="node-facts"><${Since} c=${c} /><${Waiting} c=${c} /></div>`}
    ${remedy(c) && html`<p class="remedy">${remedy(c)}</p>`}
    ${c.state !== "working" && c.said && html`<blockquote class="said" dir="auto">${c.said}</blockquote>`}
    ${!c.workers && html`<p class="remedy">${t("no.workers")}</p>`}
    <div class="node-foot"><${Go} class="link" to=${{ tab: "dead", destination: c.name, reason: "" }}>${t("tab.dead")}<//><span class="spring"></span><${Acts} c=${c} /></div>
  </li>`;
}

/** The lines, drawn where the nodes have come to stand. @param {{of: import("preact").RefObject<HTMLElement>, connections: any[]}} props */
function Lines({ of, connections }) {
  const [lines, setLines] = useState(/** @type {any[]} */ ([]));
  const measure = () => {
    const box = of.current?.getBoundingClientRect();
    if (!box || !of.current) return;
    const at = (/** @type {string} */ name) => [.../** @type {NodeListOf<HTMLElement>} */ (of.current?.querySelectorAll("[data-node]"))].find((e) => e.dataset.node === name)?.getBoundingClientRect();
    const found = [];
    for (const [channel, desks] of Object.entries(routes)) {
      for (const desk of desks) {
        const [from, to] = [at(channel), at(desk)];
        if (!from || !to || to.left < from.right) continue;
        const [x1, y1, x2, y2] = [from.right - box.left, from.top + 22 - box.top, to.left - box.left, to.top + 22 - box.top];
        const states = [channel, desk].map((n) => connections.find((c) => c.name === n)?.state);
        const held = states.some((s) => s && s !== "working" && s !== "failing");
        found.push({ key: `${channel}>${desk}`, d: `M${x1} ${y1} C${x1 + 40} ${y1} ${x2 - 40} ${y2} ${x2} ${y2}`, held });
      }
    }
    setLines((before) => (JSON.stringify(before) === JSON.stringify(found) ? before : found));
  };
  useLayoutEffect(measure);
  useEffect(() => {
    const watch = new ResizeObserver(measure);
    if (of.current) watch.observe(of.current);
    return () => watch.disconnect();
  }, []);
  return html`<svg class="lines" aria-hidden="true">${lines.map((l) => html`<path key=${l.key} d=${l.d} class=${cx("line", l.held && "held")} />`)}</svg>`;
}

export function Overview() {
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const seen = status.value;
  if (!seen) return null;
  const all = seen.connections;
  const table = place.value.view === "table";
  return html`<section class="map-section" aria-label=${t("map.label")}>
    <div class="section-head"><span class="spring"></span><${Go} class="link" to=${{ view: table ? "" : "table" }}>${t(table ? "as.map" : "as.table")}<//></div>
    ${table ? html`<${Table} all=${all} />` : html`<div class="map" ref=${box}>
      <${Lines} of=${box} connections=${all} />
      <div><h2>${t("channels")}</h2><ul>${all.filter((c) => c.role === "channel").map((c) => html`<${NodeCard} key=${c.name} c=${c} />`)}</ul></div>
      <div><h2>${t("desks")}</h2><ul>
        ${panels.map((name) => html`<li class="node good" key=${name} data-node=${name} data-state="working"><div class="node-head"><h3 dir="auto">${name}</h3><span class="soft kind">${t("panel")}</span><span class="spring"></span><a class="link" href="/panel">${t("panel.open")}</a></div></li>`)}
        ${all.filter((c) => c.role === "desk").map((c) => html`<${NodeCard} key=${c.name} c=${c} />`)}</ul></div>
    </div>`}
  </section>`;
}

/** @param {{all: import("../model/status.js").Connection[]}} props */
function Table({ all }) {
  return html`<div class="scroll" tabindex="0"><table class="grid">
    <thead><tr>${["name", "role", "state", "since", "backlog", "remedy", "said", "goes.to"].map((key) => html`<th key=${key} scope="col">${t(key)}</th>`)}<td></td></tr></thead>
    <tbody>${all.map((c) => html`<tr key=${c.name}>
      <th scope="row">${c.name}</th><td>${t(`role.${c.role}`)}</td><td><${State} c=${c} /></td><td><${Since} c=${c} /></td><td><${Waiting} c=${c} /></td>
      <td>${remedy(c)}</td><td dir="auto">${c.state === "working" ? "" : c.said}</td><td>${(routes[c.name] ?? []).join(", ")}</td><td><${Acts} c=${c} /></td>
    </tr>`)}</tbody>
  </table></div>`;
}
