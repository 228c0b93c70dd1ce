/** Doctor on demand, and the configuration in effect. */
import { html, useEffect, useState } from "../../ui/lib.js";
import { t } from "../../ui/i18n.js";
import { ask } from "../../ui/api.js";
import { Icon } from "../../ui/icons.js";
import { clock } from "../../ui/time.js";
import { may } from "../model/status.js";

/** The last result stays while the page is open. @type {{at: number, items: any[]}|null} */
let last = null;

function Doctor() {
  const [found, setFound] = useState(last);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {any} */ (null));
  const run = async () => {
    setBusy(true);
    setError(null);
    try {
      last = { at: Date.now(), items: (await ask("GET", "/doctor")).items };
      setFound(last);
    } catch (e) {
      setError(e);
    }
    setBusy(false);
  };
  return html`<section class="card" aria-label=${t("doctor")}>
    <div class="section-head"><div><h2>${t("doctor")}</h2><p class="soft">${t("doctor.text")}</p></div><span class="spring"></span>
      <button type="button" class="button" disabled=${busy} onClick=${run}>${t(busy ? "doctor.running" : "doctor.run")}</button></div>
    ${error && html`<p class="bad-text" role="alert">${error.message || t("offline")}</p>`}
    ${found && html`<p class="soft">${t("doctor.at", { time: clock(found.at) })}</p><ul class="checks">${found.items.map((c, at) => html`<li key=${at} class=${c.ok === false ? "bad" : c.ok ? "good" : "warn"}>
      <${Icon} name=${c.ok === false ? "circle-alert" : c.ok ? "circle-check" : "info"} />
      <span><span class="hidden">${t(c.ok === false ? "ok.no" : c.ok ? "ok.yes" : "ok.unknown")}: </span><strong>${c.name}</strong> ${c.what}: <span dir="auto">${c.found}</span>${c.remedy && html`<br /><span class="remedy">${c.remedy}</span>`}</span>
    </li>`)}</ul>`}
  </section>`;
}

/** Keys and values as they stand in the file. @param {any} value @param {number} depth @returns {string} */
function yaml(value, depth = 0) {
  const pad = "  ".repeat(depth);
  if (value === null || value === undefined) return " null\n";
  if (Array.isArray(value)) {
    if (value.every((v) => v === null || typeof v !== "object")) return ` [${value.join(", ")}]\n`;
    return `\n${value.map((v) => `${pad}- ${Object.entries(v).map(([k, x]) => `${k}:${yaml(x, depth + 2)}`).join(`${pad}  `)}`).join("")}`;
  }
  if (typeof value === "object") {
    const pairs = Object.entries(value);
    if (!pairs.length) return " {}\n";
    return `${depth ? "\n" : ""}${pairs.map(([k, v]) => `${pad}${k}:${yaml(v, depth + 1)}`).join("")}`;
  }
  return ` ${value === "" ? '""' : value}\n`;
}

function Config() {
  const [found, setFound] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  useEffect(() => { ask("GET", "/config").then(setFound, setError); }, []);
  return html`<section class="card" aria-label=${t("config")}>
    <h2>${t("config")}</h2>
    ${error && html`<p class="bad-text" role="alert">${error.message || t("offline")}</p>`}
    ${found && html`<p class="soft">${t("config.text", { file: found.file })}</p>
      ${found.warnings.length > 0 && html`<h3>${t("warnings")}</h3><ul class="checks">${found.warnings.map((/** @type {string} */ w) => html`<li key=${w} class="warn"><${Icon} name="triangle-alert" /><span>${w}</span></li>`)}</ul>`}
      <pre class="config" tabindex="0">${yaml(found.config)}</pre>`}
  </section>`;
}

export const SetUp = () => html`<div class="setup">${may("get_doctor") && html`<${Doctor} />`}${may("get_config") && html`<${Config} />`}</div>`;
