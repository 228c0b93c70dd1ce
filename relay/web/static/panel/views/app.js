import { cx, html, signal, useEffect, useErrorBoundary } from "../../ui/lib.js";
import { t } from "../../ui/i18n.js";
import { Toasts } from "../../ui/toasts.js";
import { recall, remember } from "../../ui/remember.js";
import { selected } from "../model/address.js";
import { loggedOut } from "../start.js";
import { Card } from "./card.js";
import { Collision } from "./collision.js";
import { LoggedOut } from "./logged_out.js";
import { Offline } from "./states.js";
import { Inbox } from "./inbox.js";
import { Overlays, overlay, startKeys } from "./overlays.js";
import { Rail } from "./rail.js";
import { Thread } from "./thread.js";

/** Whether the card is shown where there is room for it. */
export const cardShown = signal(recall("relay-card", true));
export function toggleCard() {
  if (matchMedia("(min-width: 1100px)").matches) {
    cardShown.value = !cardShown.value;
    remember("relay-card", cardShown.value);
  } else overlay.value = overlay.value?.name === "card" ? null : { name: "card" };
}

export function App() {
  const [error, again] = useErrorBoundary((problem) => console.error(problem));
  useEffect(() => startKeys({ toggleCard }), []);
  if (error) {
    return html`<div class="broken" role="alert"><h1>${t("broken.title")}</h1><p>${t("broken.text")}</p>
      <button type="button" class="button primary" onClick=${() => { again(); location.reload(); }}>${t("reload")}</button></div>`;
  }
  const number = selected.value;
  return html`
    <div class=${cx("app", number ? "has-open" : "", cardShown.value && "with-card")}>
      <${Rail} />
      <${Inbox} />
      <main class="pane thread-pane" aria-label=${t("conversation")}><${Offline} />${number ? html`<${Thread} key=${number} number=${number} />` : html`<${Nothing} />`}</main>
      ${number && cardShown.value ? html`<aside class="pane card-pane" aria-label=${t("card")}><${Card} key=${number} number=${number} /></aside>` : null}
    </div>
    <${Overlays} />
    <${Collision} />
    ${loggedOut.value && html`<${LoggedOut} />`}
    <${Toasts} />
  `;
}

function Nothing() {
  return html`<div class="empty"><svg class="empty-art" viewBox="0 0 120 80" aria-hidden="true"><path d="M14 12h62a8 8 0 0 1 8 8v26a8 8 0 0 1-8 8H40L24 66V54H14a8 8 0 0 1-8-8V20a8 8 0 0 1 8-8z" /><path class="second" d="M92 30h8a8 8 0 0 1 8 8v18a8 8 0 0 1-8 8h-4v10L84 64H62" /></svg>
    <h2>${t("nothing.title")}</h2><p>${t("nothing.text")}</p></div>`;
}
