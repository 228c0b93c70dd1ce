import { html, useEffect, useState } from "../../ui/lib.js";
import { Dialog } from "../../ui/dialog.js";
import { ask } from "../../ui/api.js";
import { t } from "../../ui/i18n.js";
import { clock, exact } from "../../ui/time.js";
import { Failed } from "./states.js";

/** What happened to one message, hop by hop. @param {{id: string, onclose: () => void}} props */
export function Trace({ id, onclose }) {
  const [found, setFound] = useState(/** @type {any} */ (null));
  const read = () => ask("GET", `/messages/${id}`).then(setFound, (error) => setFound({ error }));
  useEffect(() => { read(); }, [id]);
  return html`<${Dialog} title=${t("trace")} onclose=${onclose} class="trace">
    ${!found && html`<p class="soft">${t("loading")}</p>`}
    ${found?.error && html`<${Failed} error=${found.error} again=${read} />`}
    ${found?.hops && html`<ol class="hops">${found.hops.map((/** @type {any} */ hop, /** @type {number} */ i) => html`<li key=${i}><time title=${exact(hop.at)}>${clock(hop.at)}</time><span><b>${hop.what}</b>${hop.where ? ` · ${hop.where}` : ""}${hop.said || hop.reason ? html`<br /><bdi class="soft">${hop.said || hop.reason}</bdi>` : null}</span></li>`)}</ol><p class="soft id">${id}</p>`}
  </${Dialog}>`;
}
