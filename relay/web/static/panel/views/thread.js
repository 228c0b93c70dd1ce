import { cx, html, useEffect, useLayoutEffect, useRef } from "../../ui/lib.js";
import { t } from "../../ui/i18n.js";
import { Icon, IconButton } from "../../ui/icons.js";
import { Avatar } from "../../ui/avatar.js";
import { Menu } from "../../ui/menu.js";
import { clock, dayLabel, exact, now, sameDay } from "../../ui/time.js";
import { toast } from "../../ui/toasts.js";
import { anchor, closeConversation, leaveAnchor } from "../model/address.js";
import { assign, closeOrReopen, keptUnread, label, markRead, markUnread, noAnswerNeeded, take } from "../model/actions.js";
import { channelLabel } from "../model/config.js";
import { conversation } from "../model/conversations.js";
import { rowSignal, fetchRow } from "../model/inbox.js";
import { keysOf } from "../model/keys.js";
import { troubles } from "../model/live.js";
import { me, users } from "../model/people.js";
import { toggleCard } from "./app.js";
import { Bubble, PendingBubble } from "./bubble.js";
import { Composer, useDrop } from "./composer.js";
import { overlay } from "./overlays.js";
import { Waiting } from "./row.js";
import { Empty, Failed } from "./states.js";

const STICK = 100;
const GROUP_MS = 5 * 60_000;

/** One conversation. @param {{number: number}} props */
export function Thread({ number }) {
  const row = rowSignal(number)?.value;
  const one = conversation(number);
  const { error, loaded } = one.page.value;
  const drop = useDrop(number, row?.channel ?? "");
  if (error && !loaded) {
    const gone = /** @type {any} */ (error).status === 404;
    return html`<${BackOnly} />${gone ? html`<${Empty} icon="ban" title=${t("gone.title")} text=${t("gone.text")} />` : html`<${Failed} error=${error} again=${() => { one.load(anchor.value); fetchRow(number); }} />`}`;
  }
  return html`<div class="thread" ...${drop.props}>
    ${row ? html`<${Head} row=${row} />` : html`<${BackOnly} />`}
    ${row && html`<${Banners} row=${row} />`}
    <${Messages} number=${number} />
    ${row && html`<${Composer} key=${number} row=${row} />`}
    ${drop.over && html`<div class="drop-here"><${Icon} name="paperclip" class="large" />${t("drop")}</div>`}
  </div>`;
}

const Back = () => html`<${IconButton} icon="arrow-left" label=${t("back")} class="back" onclick=${closeConversation} />`;
const BackOnly = () => html`<header class="thread-head"><${Back} /></header>`;

/** @param {{row: import("../model/shapes.js").Row}} props */
function Head({ row }) {
  const closed = row.state !== "open";
  return html`<header class="thread-head">
    <${Back} />
    <${Avatar} name=${row.name} id=${row.number} src=${row.avatar} />
    <div class="thread-title">
      <h1><bdi>${row.name}</bdi></h1>
      <p>${row.username && html`<span class="at" dir="ltr">@${row.username}</span>`}<span>#${row.number}</span><span class="wide-only">${channelLabel(row.channel)}</span>
        ${row.waiting_since && !closed && html`<${Waiting} since=${row.waiting_since} />`}</p>
    </div>
    <${Menu} class=${cx("assign-button", row.assignee === me.value.name && "mine")} label=${t("assign")} items=${[
      { label: t("assign.me"), icon: "user-check", keys: keysOf("take"), checked: row.assignee === me.value.name, run: () => take(row.number) },
      ...users.value.filter((u) => u.name !== me.value.name).map((u) => ({ label: u.name, icon: "user", checked: row.assignee === u.name, run: () => assign(row.number, u.name) })),
      null,
      { label: t("assign.nobody"), icon: "user-minus", checked: !row.assignee, run: () => assign(row.number, "") },
    ]}>${row.assignee ? html`<${Avatar} name=${row.assignee} id=${row.assignee} size="tiny" /><bdi class="wide-only">${row.assignee}</bdi>` : html`<${Icon} name="user-plus" /><span class="wide-only">${t("assign.short")}</span>`}</${Menu}>
    <span class="wide-only"><${IconButton} icon="alarm-clock" label=${t("snooze")} keys=${keysOf("snooze")} onclick=${() => { overlay.value = { name: "snooze" }; }} /></span>
    <button type="button" class=${cx("button", "close-button", closed ? "" : "quiet")} aria-label=${t(closed ? "reopen" : "close.it")} title=${keysOf("close") ? `${t(closed ? "reopen" : "close.it")} (${keysOf("close")})` : undefined} onClick=${() => closeOrReopen(row.number)}>
      <${Icon} name=${closed ? "archive-restore" : "check"} /><span>${t(closed ? "reopen" : "close.it")}</span></button>
    <${Menu} icon="ellipsis" label=${t("more")} items=${[
      { label: t("snooze"), icon: "alarm-clock", keys: keysOf("snooze"), run: () => { overlay.value = { name: "snooze" }; } },
      { label: t("label"), icon: "tag", keys: keysOf("label"), run: () => { overlay.value = { name: "label" }; } },
      { label: t("unread"), icon: "mail", keys: keysOf("unread"), run: () => markUnread(row.number) },
      row.waiting_since ? { label: t("no.answer.needed"), icon: "circle-check", run: () => noAnswerNeeded(row.number) } : null,
      { label: t("copy.link"), icon: "link", run: () => navigator.clipboard?.writeText(`${location.origin}/panel?c=${row.number}`).then(() => toast(t("copied"))) },
      null,
      { label: t("card"), icon: "panel-right", keys: keysOf("card"), run: toggleCard },
    ].filter((item, at, all) => item !== null || at > 3)} />
  </header>`;
}

/** What one must know before answering. @param {{row: import("../model/shapes.js").Row}} props */
function Banners({ row }) {
  const trouble = troubles.value[row.channel];
  return html`<div class="banners">
    ${row.labels.length > 0 && html`<div class="label-line">${row.labels.map((l) => html`<span key=${l} class="label" dir="auto">${l}<button type="button" aria-label=${t("label.remove", { name: l })} onClick=${() => label(row.number, row.labels.filter((x) => x !== l))}><${Icon} name="x" /></button></span>`)}</div>`}
    ${row.state === "closed" && html`<div class="banner">${row.closed_by ? t("banner.closed.by", { name: row.closed_by }) : t("banner.closed")}</div>`}
    ${row.state === "snoozed" && html`<div class="banner">${row.snoozed_until ? t("banner.snoozed", { time: `${dayLabel(row.snoozed_until, now.value)}, ${clock(row.snoozed_until)}` }) : t("tab.snoozed")}</div>`}
    ${(trouble || row.held) && html`<div class="banner warn" role="status"><${Icon} name="triangle-alert" /><span>${t("banner.trouble", { name: row.channel, words: trouble?.said ?? trouble?.words ?? "" })}${row.held ? ` ${t("banner.held", { count: row.held.count, time: clock(row.held.since) })}` : ""}</span></div>`}
    ${row.failed > 0 && html`<div class="banner bad" role="status"><${Icon} name="triangle-alert" />${t("banner.failed", { count: row.failed })}
      <button type="button" class="link" onClick=${() => document.querySelector(".bubble.failed")?.scrollIntoView({ block: "center" })}>${t("banner.show")}</button></div>`}
  </div>`;
}

/** @param {{number: number}} props */
function Messages({ number }) {
  const one = conversation(number);
  const messages = one.messages.value;
  const pending = one.pending.value;
  const page = one.page.value;
  const box = useRef(/** @type {HTMLElement} */ (/** @type {any} */ (null)));
  const { place } = one;

  /** Remember which message is at the top, so that it stays there whatever comes in above or grows. */
  const note = () => {
    const el = box.current;
    if (!el) return;
    place.stuck = !page.newer && el.scrollHeight - el.scrollTop - el.clientHeight <= STICK;
    const top = el.getBoundingClientRect().top;
    for (const child of el.querySelectorAll("[data-id]")) {
      const at = child.getBoundingClientRect();
      if (at.bottom > top) {
        place.id = /** @type {HTMLElement} */ (child).dataset.id ?? "";
        place.offset = at.top - top;
        break;
      }
    }
    if (place.stuck) {
      one.unseen.value = 0;
      seen();
    }
  };
  const restore = () => {
    const el = box.current;
    if (!el) return;
    if (place.stuck) el.scrollTop = el.scrollHeight;
    else if (place.id) {
      const child = el.querySelector(`[data-id="${CSS.escape(place.id)}"]`);
      if (child) el.scrollTop += child.getBoundingClientRect().top - el.getBoundingClientRect().top - place.offset;
    }
  };
  const seen = () => {
    const last = messages.at(-1);
    if (last && place.stuck && !document.hidden && document.hasFocus() && page.loaded && !page.newer && !keptUnread.has(number) && (rowSignal(number)?.peek()?.unread ?? 0) > 0) markRead(number, last.id);
  };

  const count = useRef(messages.length);
  useLayoutEffect(() => {
    const grown = messages.length - count.current;
    count.current = messages.length;
    if (!place.stuck && grown > 0 && grown < 20 && messages.at(-1) && !page.loading && place.last !== messages.at(-1)?.id) one.unseen.value += messages.at(-1)?.kind === "message" ? 1 : 0;
    place.last = messages.at(-1)?.id ?? "";
    restore();
    seen();
  }, [messages, pending.length]);

  const unread = rowSignal(number)?.value.unread ?? 0;
  useEffect(seen, [unread, page.loaded]);

  const aim = anchor.value;
  useLayoutEffect(() => {
    if (!aim || !page.loaded) return;
    const child = box.current?.querySelector(`[data-id="${CSS.escape(aim)}"]`);
    if (!child) return;
    place.stuck = false;
    child.scrollIntoView({ block: "center" });
    note();
  }, [aim, page.loaded]);

  useEffect(() => {
    const el = box.current;
    const watch = new ResizeObserver(restore);
    watch.observe(el);
    if (el.firstElementChild) watch.observe(el.firstElementChild);
    const focus = () => seen();
    window.addEventListener("focus", focus);
    document.addEventListener("visibilitychange", focus);
    return () => {
      watch.disconnect();
      window.removeEventListener("focus", focus);
      document.removeEventListener("visibilitychange", focus);
    };
  }, [page.loaded, messages, page.newer]);

  const scrolled = () => {
    note();
    const el = box.current;
    if (el.scrollTop < 400 && page.older) one.loadOlder();
    if (el.scrollHeight - el.scrollTop - el.clientHeight < 400 && page.newer) one.loadNewer();
  };
  const toEnd = async () => {
    place.stuck = true;
    one.unseen.value = 0;
    leaveAnchor();
    if (page.newer) await one.load();
    restore();
  };

  return html`<div class="messages-box">
    <div class="messages" ref=${box} onScroll=${scrolled} tabindex="0" role="log" aria-label=${t("messages")} aria-live="polite" aria-relevant="additions">
      <div class="messages-inner">
        ${page.older && html`<p class="older">${page.loading ? t("loading") : ""}</p>`}
        ${!page.loaded && page.loading && html`<${LoadingBubbles} />`}
        ${page.loaded && !messages.length && !pending.length && html`<p class="day">${t("messages.none")}</p>`}
        ${messages.map((m, at) => {
          const before = messages[at - 1];
          const newDay = !before || !sameDay(before.at, m.at);
          const joined = !newDay && before.kind === m.kind && before.author === m.author && Date.parse(m.at) - Date.parse(before.at) < GROUP_MS;
          return html`${newDay && html`<p key=${`day${m.at}`} class="day"><span title=${exact(m.at)}>${dayLabel(m.at, now.value)}</span></p>`}<${Bubble} key=${m.id} message=${m} joined=${joined} aimed=${aim === m.id} number=${number} />`;
        })}
        ${pending.map((p) => html`<${PendingBubble} key=${p.client_id} pending=${p} number=${number} />`)}
      </div>
    </div>
    ${(page.newer || one.unseen.value > 0) && html`<button type="button" class="new-pill" onClick=${toEnd}><${Icon} name="chevron-down" />${one.unseen.value ? t("messages.new", { count: one.unseen.value }) : t("messages.latest")}</button>`}
  </div>`;
}

const LoadingBubbles = () => html`<div class="skeleton bubbles" aria-hidden="true">${[60, 40, 75, 30, 55].map((w, at) => html`<span key=${at} class=${`bone bubble-bone w${w}${at % 3 === 1 ? " out" : ""}`}></span>`)}</div>`;
