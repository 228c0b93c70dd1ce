import { cx, html } from "../../ui/lib.js";
import { size, t } from "../../ui/i18n.js";
import { Icon } from "../../ui/icons.js";
import { Menu } from "../../ui/menu.js";
import { linked } from "../../ui/links.js";
import { clock, exact } from "../../ui/time.js";
import { retry } from "../model/actions.js";
import { panels } from "../model/config.js";
import { discard, sendAgain } from "../model/sending.js";
import { fileKind } from "../model/shapes.js";
import { marks } from "./search.js";
import { overlay } from "./overlays.js";

const TICKS = { queued: "clock", accepted: "check", delivered: "check-check", read: "check-check", failed: "circle-alert" };

/** @param {{message: import("../model/shapes.js").Message, joined: boolean, aimed: boolean, number: number}} props */
export function Bubble({ message: m, joined, aimed, number }) {
  if (m.kind === "event" || m.kind === "notice") {
    return html`<p class="event" data-id=${m.id} title=${exact(m.at)}>${m.text}</p>`;
  }
  const side = m.kind === "answer" ? "out" : m.kind === "note" ? "note" : "in";
  const failed = m.state === "failed";
  const elsewhere = m.desk && !panels.includes(m.desk);
  return html`<article class=${cx("bubble", side, joined && "joined", failed && "failed", aimed && "aimed")} data-id=${m.id}>
    ${side === "note" && html`<p class="note-head"><${Icon} name="sticky-note" />${t("note")}<span class="soft"> · ${t("note.hint")}</span></p>`}
    ${side !== "in" && !joined && html`<p class="author"><bdi>${m.author || m.desk || t("somebody")}</bdi>${elsewhere && html`<span class="desk">${m.desk}</span>`}</p>`}
    ${m.kind === "comment" && html`<p class="comment-head"><${Icon} name="message-square-text" />${t("comment")}${m.post && /^https?:\/\//.test(m.post) && html` · <a href=${m.post} target="_blank" rel="noopener noreferrer nofollow">${t("comment.post")}</a>`}</p>`}
    ${m.files.length > 0 && html`<${Files} files=${m.files} number=${number} />`}
    ${m.text && html`<p class="text" dir="auto">${linked(m.text, marks(m.id))}</p>`}
    ${m.options.length > 0 && html`<ul class="options" aria-label=${t("options")}>${m.options.map((o) => html`<li key=${o} dir="auto">${o}</li>`)}</ul>`}
    <p class="foot"><time datetime=${m.at} title=${exact(m.at)}>${clock(m.at)}</time>${m.parts > 1 && html`<span>${t("parts", { count: m.parts })}</span>`}${m.state && html`<${Tick} state=${m.state} />`}</p>
    ${failed && html`<div class="why"><p><strong>${t("failed.message")}</strong> <bdi>${m.reason}</bdi></p>
      <button type="button" class="button small" onClick=${() => retry(number, m.delivery || m.id)}><${Icon} name="rotate-ccw" />${t("retry")}</button></div>`}
    ${side !== "in" && html`<span class="bubble-menu"><${Menu} icon="ellipsis" label=${t("more")} items=${[
      { label: t("trace"), icon: "info", run: () => { overlay.value = { name: "trace", id: m.id }; } },
      { label: t("copy"), icon: "copy", run: () => navigator.clipboard?.writeText(m.text) },
    ]} /></span>`}
  </article>`;
}

/** @param {{state: string}} props */
function Tick({ state }) {
  return html`<span class=${`tick ${state}`} title=${t(`state.${state}`)}><${Icon} name=${TICKS[/** @type {keyof typeof TICKS} */ (state)] ?? "clock"} /><span class=${state === "failed" ? "" : "hidden"}>${t(`state.${state}`)}</span></span>`;
}

/** What is not sent yet. @param {{pending: import("../model/conversations.js").Pending, number: number}} props */
export function PendingBubble({ pending: p, number }) {
  const stuck = p.status === "failed" || p.status === "unsent";
  return html`<article class=${cx("bubble", p.kind === "note" ? "note" : "out", "pending", stuck && "failed")} data-id=${p.client_id}>
    ${p.kind === "note" && html`<p class="note-head"><${Icon} name="sticky-note" />${t("note")}</p>`}
    ${p.files.length > 0 && html`<${Files} files=${p.files} number=${number} />`}
    ${p.text && html`<p class="text" dir="auto">${linked(p.text)}</p>`}
    ${p.options.length > 0 && html`<ul class="options">${p.options.map((o) => html`<li key=${o} dir="auto">${o}</li>`)}</ul>`}
    <p class="foot"><span class="tick queued"><${Icon} name="clock" />${t(`pending.${p.status}`)}</span></p>
    ${(stuck || p.status === "waiting") && p.problem && html`<div class="why"><p>${p.problem}</p>
      ${stuck && html`<span class="why-buttons"><button type="button" class="button small" onClick=${() => sendAgain(number, p.client_id)}><${Icon} name="rotate-ccw" />${t("send.again")}</button>
      <button type="button" class="button small quiet" onClick=${() => discard(number, p.client_id)}>${t("discard")}</button></span>`}</div>`}
  </article>`;
}

/** @param {{files: import("../model/shapes.js").File_[], number: number}} props */
export function Files({ files, number }) {
  return html`<div class="files">${files.map((f) => {
    const kind = fileKind(f);
    if (kind === "image") {
      return html`<button key=${f.id} type="button" class="picture" aria-label=${t("picture.open", { name: f.name })} onClick=${() => { overlay.value = { name: "viewer", files, at: files.indexOf(f), number }; }}>
        <img src=${f.url} alt=${f.name} loading="lazy" width=${f.width || 240} height=${f.height || 180} /></button>`;
    }
    if (kind === "video") return html`<video key=${f.id} src=${f.url} controls preload="metadata" width="320" height="220"></video>`;
    if (kind === "audio") return html`<audio key=${f.id} src=${f.url} controls preload="none"></audio>`;
    return html`<a key=${f.id} class="file" href=${f.url} target="_blank" rel="noopener noreferrer" download=${f.name}><${Icon} name="file-text" /><bdi>${f.name || t("list.file")}</bdi>${f.size > 0 && html`<span class="soft">${size(f.size)}</span>`}</a>`;
  })}</div>`;
}

