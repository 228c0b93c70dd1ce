/** One message across all systems: a line a hop. */
import { html, useEffect, useState } from "../../ui/lib.js";
import { t } from "../../ui/i18n.js";
import { ROOT, ask } from "../../ui/api.js";
import { Dialog } from "../../ui/dialog.js";
import { exact, span } from "../../ui/time.js";
import { go } from "../model/address.js";

const BAD = /fail|refus|dead|gave up|credential|drop/;

/** @param {{id: string}} props */
export function Trace({ id }) {
  const [found, setFound] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  useEffect(() => { ask("GET", `/messages/${encodeURIComponent(id)}`).then(setFound, setError); }, [id]);
  return html`<${Dialog} title=${t("trace.title", { id })} onclose=${() => go({ m: "" })} class="trace">
    ${error && html`<p class="bad-text" role="alert">${error.message || t("offline")}</p>`}
    ${!found && !error && html`<p class="soft">${t("loading")}</p>`}
    ${found && html`
      <p><strong>${found.state}</strong> <span dir="auto">${found.message.text}</span></p>
      <ol class="hops" aria-label=${t("trace.hops")}>
        ${found.hops.map((/** @type {any} */ hop, /** @type {number} */ at) => html`<li key=${at} class=${BAD.test(hop.what) ? "bad" : ""}>
          <div><strong>${hop.what}</strong> <span>${hop.where}</span> ${hop.at && html`<time class="soft" datetime=${hop.at}>${exact(hop.at)}</time>`}</div>
          ${(hop.status || hop.said || hop.reason || hop.note) && html`<div class="hop-said" dir="auto">${[hop.status && t("hop.status", { status: String(hop.status) }), hop.said, hop.reason && `(${hop.reason})`, hop.note].filter(Boolean).join(" ")}</div>`}
          ${(hop.took_ms !== null || hop.next_in_s) && html`<div class="soft">${[hop.took_ms !== null && `${hop.took_ms} ms`, hop.next_in_s && t("hop.next", { time: span(hop.next_in_s * 1000) })].filter(Boolean).join(" · ")}</div>`}
        </li>`)}
      </ol>
      <a class="link" href=${`${ROOT}/messages/${encodeURIComponent(id)}`} download=${`${id}.json`}>${t("download")}</a>`}
  <//>`;
}
