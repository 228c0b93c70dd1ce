import { html, useEffect } from "../../ui/lib.js";
import { Dialog } from "../../ui/dialog.js";
import { ROOT, session } from "../../ui/api.js";
import { t } from "../../ui/i18n.js";
import { loggedOut } from "../start.js";

/** The session has ended. What was written stays here; after the log-in in another tab everything goes on. */
export function LoggedOut() {
  useEffect(() => {
    const look = async () => {
      const response = await fetch(`${ROOT}/me`, { cache: "no-store" }).catch(() => null);
      if (!response?.ok) return;
      const me = await response.json();
      if (me.csrf) session.csrf = me.csrf;
      loggedOut.value?.();
    };
    const timer = setInterval(look, 3000);
    window.addEventListener("focus", look);
    return () => {
      clearInterval(timer);
      window.removeEventListener("focus", look);
    };
  }, []);
  return html`<${Dialog} title=${t("login.title")} onclose=${() => {}} class="small-dialog">
    <p>${t("login.text")}</p>
    <footer class="dialog-foot"><a class="button primary" href="/login" target="_blank" rel="opener">${t("login.button")}</a></footer>
  </${Dialog}>`;
}
