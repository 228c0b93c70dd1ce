import { html } from "../../ui/lib.js";
import { Dialog } from "../../ui/dialog.js";
import { t } from "../../ui/i18n.js";
import { clock } from "../../ui/time.js";
import { open } from "../model/address.js";
import { conversation } from "../model/conversations.js";
import { write } from "../model/drafts.js";
import { collision, sendAnyway } from "../model/sending.js";
import { focusComposer } from "./composer.js";

/** Somebody else has answered meanwhile: what, and what to do now. */
export function Collision() {
  const refused = collision.value;
  if (!refused) return null;
  const { number, pending, newer } = refused;
  const who = newer.at(-1)?.author || newer.at(-1)?.desk || t("somebody");
  /** The words go back to where they were written. */
  const back = () => {
    const one = conversation(number);
    const now = one.drafts.answer.value;
    write(number, "answer", now ? `${pending.text}\n${now}` : pending.text);
    if (pending.options.length) one.options.value = pending.options;
    if (pending.files.length) one.uploads.value = [...pending.files.map((f, at) => ({ key: -1 - at, name: f.name, mime: f.mime, size: f.size, share: 1, problem: "", file: f, preview: "" })), ...one.uploads.value];
    collision.value = null;
    open(number);
    focusComposer();
  };
  return html`<${Dialog} title=${t("collision.title", { name: who })} onclose=${back} class="collision">
    <p>${t("collision.text")}</p>
    <div class="quoted">${newer.map((m) => html`<blockquote key=${m.id}><p class="author"><bdi>${m.author || m.desk}</bdi> <time>${clock(m.at)}</time></p><p dir="auto">${m.text || t("list.file")}</p></blockquote>`)}</div>
    <p class="soft">${t("collision.yours")}</p>
    <blockquote class="yours" dir="auto">${pending.text || t("list.file")}</blockquote>
    <footer class="dialog-foot"><button type="button" class="button" onClick=${sendAnyway}>${t("collision.send")}</button>
      <button type="button" class="button primary" autofocus onClick=${back}>${t("collision.back")}</button></footer>
  </${Dialog}>`;
}
