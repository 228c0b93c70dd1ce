import { html } from "../../ui/lib.js";
import { t } from "../../ui/i18n.js";
import { Icon } from "../../ui/icons.js";
import { exact, now } from "../../ui/time.js";
import { lasting, status } from "../model/status.js";

/** What needs a person, the gravest first. */
export function Alarms() {
  const seen = status.value;
  if (!seen) return html`<p class="soft">${t("loading")}</p>`;
  const quiet = !seen.alarms.length && !seen.problems.length;
  return html`<section class="alarms" aria-label=${t("alarms")}>
    ${quiet && html`<p class="calm"><${Icon} name="circle-check" /> <strong>${t("alarms.none")}.</strong> <span class="soft">${t("alarms.none.text")}</span></p>`}
    <ul>
      ${seen.alarms.map((a) => html`<li class="alarm" key=${`${a.alarm}:${a.account}`}>
        <${Icon} name="triangle-alert" />
        <span class="alarm-text">${a.account ? html`<a href=${`#node-${a.account}`}>${a.account}</a>${": "}` : ""}${a.text}</span>
        ${a.since && html`<time class="soft" datetime=${a.since} title=${exact(a.since)}>${lasting("since.for", a.since, now.value)}</time>`}
      </li>`)}
      ${seen.problems.map((text) => html`<li class="alarm" key=${text}><${Icon} name="triangle-alert" /><span class="alarm-text"><strong>${t("problems")}.</strong> ${text}</span></li>`)}
    </ul>
  </section>`;
}
