/** The start page: every account with its state, kept fresh. */
import { cx, html, render, signal } from "../ui/lib.js";
import { ask, session } from "../ui/api.js";
import { addTexts, locale, t } from "../ui/i18n.js";
import { Icon } from "../ui/icons.js";
import texts from "./texts.js";
import { span, now } from "../ui/time.js";

addTexts(texts[locale]);
const state = JSON.parse(document.getElementById("state")?.textContent ?? "{}");
session.csrf = state.csrf;
session.expired = async () => { location.href = "/login"; };

const EVERY_MS = 3000;
/** @type {import("../ui/lib.js").Signal<any>} */
const status = signal(null);
const lost = signal(false);

async function read() {
  if (!document.hidden) {
    try {
      status.value = await ask("GET", "/status");
      lost.value = false;
    } catch {
      lost.value = true;
    }
  }
  setTimeout(read, EVERY_MS);
}

/** @param {{row: any}} props */
function Card({ row }) {
  const found = status.value?.connections.find((/** @type {any} */ c) => c.name === row.name);
  const good = !found || found.state === "working";
  const words = row.role === "panel" ? t("panel.text") : row.label;
  return html`<article class="card">
    <header><h3>${row.name}</h3>${found && html`<span class=${cx("state", good ? "good" : "bad")}><i></i>${t(`state.${found.state}`)}</span>`}</header>
    <p class="soft">${words}</p>
    <p class="soft with">${row.role === "channel" ? "→" : "←"} ${row.with.join(", ") || t("no.route")}</p>
    ${found && !good && html`<p class="remedy">${found.said && html`<bdi class="said">${found.said}</bdi> `}${t(`remedy.${found.state}`)}</p>`}
    ${found?.backlog > 0 && html`<p class="backlog">${t("backlog", { count: found.backlog })}${found.oldest ? t("oldest", { time: span(now.value - Date.parse(found.oldest)) }) : ""}</p>`}
    ${row.page && html`<a class=${cx("button", row.role === "panel" && "primary")} href=${row.page} target="_blank" rel="noopener">${t(row.role === "panel" ? "open.panel" : "open.sandbox")}<${Icon} name="external-link" /></a>`}
  </article>`;
}

/** @param {{role: string[], title: string, text: string}} props */
const Side = ({ role, title, text }) => html`<section class="side"><h2>${title}</h2><p class="soft">${text}</p>
  ${state.rows.filter((/** @type {any} */ r) => role.includes(r.role)).sort((/** @type {any} */ a, /** @type {any} */ b) => Number(b.role === "panel") - Number(a.role === "panel")).map((/** @type {any} */ row) => html`<${Card} key=${row.name} row=${row} />`)}</section>`;

/** One sentence for everything. */
function Summary() {
  const s = status.value;
  if (lost.value) return html`<p class="state bad" role="status"><i></i>${t("lost")}</p>`;
  if (!s) return html`<p class="state" role="status">${t("reading")}</p>`;
  const troubled = s.connections.filter((/** @type {any} */ c) => c.state !== "working").map((/** @type {any} */ c) => c.name);
  if (s.problems.length) return html`<p class="state bad" role="status"><i></i>${s.problems.join(" ")}</p>`;
  if (troubled.length) return html`<p class="state bad" role="status"><i></i>${t("troubled", { names: troubled.join(", ") })}</p>`;
  if (s.dead_letters) return html`<p class="state warn" role="status"><i></i>${t("dead", { count: s.dead_letters })}</p>`;
  return html`<p class="state good" role="status"><i></i>${t("working")}</p>`;
}

function Page() {
  return html`<header class="top"><svg class="logo" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" /><path d="M9 12h9a5 5 0 0 1 0 10h-1M9 12l4-4M9 12l4 4M14 22h-1" /></svg><h1>Relay</h1><${Summary} /></header>
    ${state.sideBySide && html`<section class="invite"><div><h2>${t("try.title")}</h2><p>${t("try.text")}</p></div><a class="button primary big" href=${state.sideBySide}><${Icon} name="columns-3" />${t("try.button")}</a></section>`}
    <div class="sides">
      <${Side} role=${["channel"]} title=${t("channels")} text=${t("channels.text")} />
      <${Side} role=${["desk", "panel"]} title=${t("desks")} text=${t("desks.text")} />
    </div>
    <footer>${state.admin && html`<a href="/api/docs">${t("api")}</a>`}<a href="/readyz">readyz</a><a href="/metrics">metrics</a></footer>`;
}

read();
render(html`<${Page} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
