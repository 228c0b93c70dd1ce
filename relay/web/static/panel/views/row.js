import { cx, html } from "../../ui/lib.js";
import { t } from "../../ui/i18n.js";
import { Icon } from "../../ui/icons.js";
import { Avatar } from "../../ui/avatar.js";
import { When, exact, now, span } from "../../ui/time.js";
import { open, selected } from "../model/address.js";
import { severalChannels } from "../model/config.js";
import { rowSignal } from "../model/inbox.js";
import { me } from "../model/people.js";
import { stage } from "../model/presence.js";
import { focusComposer } from "./composer.js";

/** How urgent a wait is. @param {number} ms */
export const urgency = (ms) => (ms > 60 * 60_000 ? "late" : ms > 10 * 60_000 ? "soon" : "fresh");

/** One conversation in the list. Reads only its own row: a change draws one row. @param {{number: number}} props */
export function Row({ number }) {
  const row = rowSignal(number)?.value;
  if (!row) return null;
  const active = selected.value === number;
  const others = Object.entries(stage.value[number] ?? {});
  const click = (/** @type {MouseEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open(number);
    if (matchMedia("(hover: hover)").matches) focusComposer();
  };
  return html`<a href=${`/panel?c=${number}`} class=${cx("row", row.unread > 0 && "unread", row.failed > 0 && "failed")} data-number=${number} aria-current=${active ? "true" : undefined} onClick=${click} draggable=${false}>
    <${Avatar} name=${row.name} id=${number} src=${row.avatar} />
    <span class="row-main">
      <span class="row-top"><span class="name"><bdi>${row.name}</bdi></span><${When} at=${row.last.at} /></span>
      <span class="row-text"><span class="last"><${LastText} row=${row} /></span>${row.unread > 0 && html`<span class="badge" title=${t("row.unread", { count: row.unread })}>${row.unread > 99 ? "99+" : row.unread}</span>`}</span>
      <span class="row-meta">
        ${row.failed > 0 && html`<span class="chip bad"><${Icon} name="triangle-alert" />${t("row.failed", { count: row.failed })}</span>`}
        ${row.state === "snoozed" && row.snoozed_until && html`<span class="chip" title=${exact(row.snoozed_until)}><${Icon} name="alarm-clock" /><${When} at=${row.snoozed_until} /></span>`}
        ${row.waiting_since && row.state === "open" && html`<${Waiting} since=${row.waiting_since} />`}
        ${row.held && html`<span class="chip warn"><${Icon} name="clock" />${t("row.held", { count: row.held.count })}</span>`}
        ${row.labels.slice(0, 2).map((l) => html`<span key=${l} class="label" dir="auto">${l}</span>`)}
        <span class="spring"></span>
        ${others.length > 0 && html`<span class="here" title=${others.map(([who, s]) => t(`stage.${s.does}`, { name: who })).join(", ")}><${Icon} name=${others.some(([, s]) => s.does === "typing") ? "pencil" : "eye"} />${others[0][0]}</span>`}
        ${severalChannels && html`<span class="channel">${row.channel}</span>`}
        ${row.assignee && html`<span class=${cx("assignee", row.assignee === me.value.name && "me")} title=${t("row.assignee", { name: row.assignee })}><${Avatar} name=${row.assignee} id=${row.assignee} size="tiny" /></span>`}
      </span>
    </span>
  </a>`;
}

/** @param {{row: import("../model/shapes.js").Row}} props */
function LastText({ row }) {
  const { last } = row;
  const mine = last.author === me.value.name;
  const who = last.kind === "answer" ? html`<span class="by">${mine ? t("you") : last.author || last.desk}: </span>` : null;
  const sign = last.kind === "note" ? html`<${Icon} name="sticky-note" /> ` : last.kind === "comment" ? html`<${Icon} name="message-square-text" /> ` : null;
  const text = last.text.slice(0, 300) || (last.files ? t("list.files", { count: last.files }) : "");
  return html`${sign}${who}<span dir="auto">${text}</span>`;
}

/** How long somebody has been waiting, coloured by it. @param {{since: string}} props */
export function Waiting({ since }) {
  const ms = now.value - Date.parse(since);
  return html`<span class=${`waiting ${urgency(ms)}`} title=${t("row.waiting", { time: exact(since) })}><${Icon} name="clock" />${span(ms)}</span>`;
}
