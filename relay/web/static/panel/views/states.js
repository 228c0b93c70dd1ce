/** How nothing, waiting, failure and being cut off look. */
import { html } from "../../ui/lib.js";
import { t } from "../../ui/i18n.js";
import { Icon } from "../../ui/icons.js";
import { now } from "../../ui/time.js";
import { connection } from "../model/live.js";

let since = 0;
/** A thin line, once being cut off has lasted three seconds. */
export function Offline() {
  const state = connection.value;
  void now.value;
  if (state === "live") since = 0;
  else if (!since) {
    since = Date.now();
    setTimeout(() => { now.value = Date.now(); }, 3100);
  }
  const shown = since && Date.now() - since > 3000;
  return html`<div class="offline" role="status">${shown ? html`<${Icon} name="wifi-off" />${navigator.onLine ? t("offline.reconnecting") : t("offline.none")}` : null}</div>`;
}

/** @param {{error: Error & {offline?: boolean}, again: () => void}} props */
export function Failed({ error, again }) {
  return html`<div class="empty failed-state" role="alert"><${Icon} name="circle-alert" class="large" /><h2>${t("failed.title")}</h2>
    <p>${error.offline ? t("failed.offline") : error.message}</p>
    <button type="button" class="button" onClick=${again}><${Icon} name="refresh-cw" />${t("failed.again")}</button></div>`;
}

/** Grey bars where rows will be. @param {{count?: number}} props */
export function LoadingRows({ count = 8 }) {
  return html`<div class="skeleton" aria-hidden="true">${Array.from({ length: count }, (_, at) => html`<div key=${at} class="bone-row"><span class="bone face"></span><span class="bones"><span class="bone a"></span><span class="bone b"></span></span></div>`)}</div>`;
}

/** @param {{icon: string, title: string, text?: string, children?: any}} props */
export function Empty({ icon, title, text, children }) {
  return html`<div class="empty"><${Icon} name=${icon} class="large" /><h2>${title}</h2>${text && html`<p>${text}</p>`}${children}</div>`;
}
