/** Dialogs before something is done. */
import { html, useState } from "../../ui/lib.js";
import { t } from "../../ui/i18n.js";
import { Dialog } from "../../ui/dialog.js";
import { hold, password } from "../model/acts.js";

/** @param {{name: string, what: string, onclose: () => void}} props `what`: pause, resume, retry */
export function HoldDialog({ name, what, onclose }) {
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setBusy(true);
    if (await hold(name, what === "pause" ? "pause" : "resume", reason)) onclose();
    else setBusy(false);
  };
  return html`<${Dialog} title=${t(`${what}.title`, { name })} onclose=${onclose}>
    <form class="asking" onSubmit=${submit}>
      <p>${t(`${what}.text`)}</p>
      <label>${t("reason")}<input name="reason" maxlength="300" value=${reason} placeholder=${t("reason.hint")} onInput=${(/** @type {any} */ e) => setReason(e.target.value)} /></label>
      <div class="buttons"><button type="button" class="button" onClick=${onclose}>${t("cancel")}</button><button class="button primary" disabled=${busy}>${t(what)}</button></div>
    </form>
  <//>`;
}

export function PasswordDialog() {
  const [said, setSaid] = useState("");
  const answer = password.value;
  if (!answer) return null;
  const submit = async (/** @type {any} */ event) => {
    event.preventDefault();
    setSaid(await answer(new FormData(event.target).get("password")?.toString() ?? ""));
  };
  return html`<${Dialog} title=${t("why.password")} onclose=${() => answer(null)}>
    <form class="asking" onSubmit=${submit}>
      <p>${t("why.password.text")}</p>
      <label>${t("password")}<input name="password" type="password" autocomplete="current-password" required /></label>
      ${said && html`<p class="bad-text" role="alert">${said}</p>`}
      <div class="buttons"><button type="button" class="button" onClick=${() => answer(null)}>${t("cancel")}</button><button class="button primary">${t("confirm")}</button></div>
    </form>
  <//>`;
}
