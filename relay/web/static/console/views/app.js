import { html, useErrorBoundary } from "../../ui/lib.js";
import { t } from "../../ui/i18n.js";
import { IconButton } from "../../ui/icons.js";
import { theme, chooseTheme } from "../../ui/theme.js";
import { clock, now } from "../../ui/time.js";
import { Toasts } from "../../ui/toasts.js";
import { TABS, go, href, place } from "../model/address.js";
import { connection, hasPanel, lasting, status, trouble } from "../model/status.js";
import { Alarms } from "./alarms.js";
import { PasswordDialog } from "./asking.js";
import { Figures } from "./figures.js";
import { Letters } from "./letters.js";
import { Overview } from "./map.js";
import { SetUp } from "./setup.js";
import { Trace } from "./trace.js";

const THEMES = /** @type {const} */ (["system", "light", "dark"]);
const THEME_ICONS = { system: "monitor", light: "sun", dark: "moon" };

/** A link that changes what is shown without loading the page. @param {{to: any, children?: any, class?: string, current?: boolean}} props */
export function Go({ to, children, class: look, current }) {
  const follow = (/** @type {MouseEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    go(to);
  };
  return html`<a href=${href(to)} class=${look} aria-current=${current ? "page" : undefined} onClick=${follow}>${children}</a>`;
}

function Bar() {
  const next = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length];
  const seen = status.value;
  return html`<header class="bar">
    <h1>${t("relay")} <span class="soft">${t("title")}</span></h1>
    <nav aria-label=${t("sections")}>
      ${TABS.map((tab) => html`<${Go} key=${tab} to=${{ tab }} class="tab" current=${place.value.tab === tab}>
        ${t(`tab.${tab}`)}${tab === "dead" && seen?.dead_letters ? html` <span class="badge bad">${seen.dead_letters}</span>` : ""}
      <//>`)}
    </nav>
    <span class="spring"></span>
    <span class=${`live ${connection.value}`} role="status"><span class="dot" aria-hidden="true"></span>${t(`live.${connection.value}`)}</span>
    ${hasPanel && html`<a class="button quiet small" href="/panel">${t("panel")}</a>`}
    <${IconButton} icon=${THEME_ICONS[theme.value]} label=${`${t("theme")}: ${t(`theme.${theme.value}`)}`} onclick=${() => chooseTheme(next)} />
  </header>`;
}

function About() {
  const seen = status.value;
  if (!seen) return null;
  return html`<footer class="about soft">
    ${seen.version && html`<span>${t("version", { version: seen.version })}</span>`}
    ${seen.started && html`<span>${lasting("up.since", seen.started, now.value)}</span>`}
    <span>${seen.processes ? t("processes", { count: seen.processes }) : t("processes.none")}</span>
  </footer>`;
}

let seenAt = Date.now();

export function App() {
  const [error] = useErrorBoundary((e) => console.error(e));
  if (error) return html`<main class="broken"><h1>${t("offline")}</h1><button class="button" type="button" onClick=${() => location.reload()}>${t("reload")}</button></main>`;
  if (status.value && !trouble.value) seenAt = Date.now();
  const { tab, m } = place.value;
  return html`<div class="console">
    <${Bar} />
    ${trouble.value && html`<p class="banner bad" role="alert">${t("offline.banner", { time: clock(seenAt) })}</p>`}
    <main>
      ${tab === "map" && html`<${Alarms} /><${Overview} />`}
      ${tab === "dead" && html`<${Letters} />`}
      ${tab === "figures" && html`<${Figures} />`}
      ${tab === "setup" && html`<${SetUp} />`}
    </main>
    <${About} />
    ${m && html`<${Trace} id=${m} key=${m} />`}
    <${PasswordDialog} />
    <${Toasts} />
  </div>`;
}
