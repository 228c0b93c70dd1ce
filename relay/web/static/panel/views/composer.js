import { cx, html, useEffect, useRef, useState, signal } from "../../ui/lib.js";
import { t } from "../../ui/i18n.js";
import { Icon, IconButton } from "../../ui/icons.js";
import { recall, remember } from "../../ui/remember.js";
import { left, now } from "../../ui/time.js";
import { closeOrReopen, go } from "../model/actions.js";
import { limitsOf } from "../model/config.js";
import { conversation } from "../model/conversations.js";
import { write } from "../model/drafts.js";
import { bytes, measure, optionProblems, pieces } from "../model/fitting.js";
import { keysOf } from "../model/keys.js";
import { stage, typing } from "../model/presence.js";
import { send } from "../model/sending.js";
import { addFiles, clearFiles } from "../model/uploads.js";
import { UploadList } from "./attachments.js";
import { CannedList, cannedQuery, fillIn } from "./canned.js";
import { EmojiButton } from "./emoji.js";
import { Options } from "./options.js";

/** Whether Enter sends; else Ctrl-Enter does. */
export const enterSends = signal(recall("relay-enter", true));
/** @param {boolean} on */
export function chooseEnter(on) {
  enterSends.value = on;
  remember("relay-enter", on);
}

const WINDOW_SHOWN_MS = 6 * 3600_000;

export function focusComposer() {
  setTimeout(() => document.getElementById("composer")?.focus(), 30);
}

/** Commands that keys and the palette give to whatever composer is there. @type {{send: ((andClose?: boolean) => void)|null, attach: (() => void)|null}} */
export const composing = { send: null, attach: null };

/** @param {{row: import("../model/shapes.js").Row}} props */
export function Composer({ row }) {
  const { number, channel } = row;
  const one = conversation(number);
  const mode = one.mode.value;
  const note = mode === "note";
  const text = one.drafts[mode].value;
  const limits = limitsOf(channel);
  const field = useRef(/** @type {HTMLTextAreaElement} */ (/** @type {any} */ (null)));
  const picker = useRef(/** @type {HTMLInputElement} */ (/** @type {any} */ (null)));
  const [choosing, setChoosing] = useState("");
  const options = one.options.value;
  const uploads = one.uploads.value;
  const over = !note && windowOver(row);
  const problems = options ? optionProblems(options.filter((o) => o.trim()), limits) : [];
  const ready = (text.trim() || (!note && uploads.some((u) => u.file && !u.problem))) && !uploads.some((u) => !u.file && !u.problem) && !problems.some(Boolean);

  const set = (/** @type {string} */ value) => write(number, mode, value);
  const submit = (andClose = false) => {
    // The text of this conversation, not of whatever is in the field's place by now.
    const words = one.drafts[one.mode.peek()].peek();
    if (!ready || over || !words.trim() && !uploads.some((u) => u.file)) return;
    const files = note ? [] : uploads.filter((u) => u.file && !u.problem).map((u) => /** @type {import("../model/shapes.js").File_} */ (u.file));
    send(number, { kind: mode, text: words.trim(), options: note || !options ? [] : options.map((o) => o.trim()).filter(Boolean), files });
    set("");
    if (!note) {
      clearFiles(number);
      one.options.value = null;
    }
    if (andClose) {
      closeOrReopen(number);
      go(1);
    }
  };
  composing.send = submit;
  composing.attach = () => picker.current?.click();
  useEffect(() => () => { composing.send = null; composing.attach = null; }, []);

  const key = (/** @type {KeyboardEvent} */ event) => {
    if (event.isComposing || event.key === "Process") return;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey && !event.repeat && (enterSends.value || event.ctrlKey || event.metaKey)) {
      if (choosing && document.querySelector(".canned")) return; // the list takes it
      event.preventDefault();
      submit();
    } else if (event.key === "Escape" && !choosing) {
      event.preventDefault();
      field.current.blur();
    }
  };
  const input = (/** @type {any} */ event) => {
    set(event.target.value);
    setChoosing(note ? "" : cannedQuery(event.target.value, event.target.selectionStart));
    if (!note && event.target.value) typing(number);
  };
  const paste = (/** @type {ClipboardEvent} */ event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length || note) return;
    event.preventDefault();
    addFiles(number, channel, files);
  };
  const choose = (/** @type {string} */ canned) => {
    // From the field itself: what was drawn may be a letter behind whoever types fast.
    const { value, selectionStart: at } = field.current;
    const from = at - cannedQuery(value, at).length;
    const words = fillIn(canned, row);
    set(value.slice(0, from) + words + value.slice(at));
    setChoosing("");
    requestAnimationFrame(() => { field.current.focus(); field.current.setSelectionRange(from + words.length, from + words.length); });
  };
  const insert = (/** @type {string} */ piece) => {
    const { selectionStart: a, selectionEnd: b } = field.current;
    const { value } = field.current;
    set(value.slice(0, a) + piece + value.slice(b));
    requestAnimationFrame(() => { field.current.focus(); field.current.setSelectionRange(a + piece.length, a + piece.length); });
  };

  return html`<section class=${cx("composer", note && "noting")} aria-label=${t("composer")}>
    <${Others} number=${number} />
    <div class="composer-head" role="tablist" aria-label=${t("composer.mode")}>
      ${["answer", "note"].map((m) => html`<button key=${m} type="button" role="tab" aria-selected=${String(mode === m)} title=${keysOf(m === "answer" ? "reply" : "note")} onClick=${() => { one.mode.value = /** @type {any} */ (m); focusComposer(); }}>
        <${Icon} name=${m === "answer" ? "reply" : "sticky-note"} />${t(m)}</button>`)}
      <span class="spring"></span>
      ${!note && html`<${WindowLeft} row=${row} />`}
    </div>
    ${over
      ? html`<div class="composer-shut" role="status"><${Icon} name="ban" /><div><p><strong>${t(`window.over.${over}`)}</strong></p><p>${t(`window.what.${over}`)}</p></div></div>`
      : html`
        <div class="field-box">
          ${choosing && html`<${CannedList} query=${choosing.slice(1)} row=${row} onchoose=${choose} onclose=${() => setChoosing("")} />`}
          <textarea id="composer" ref=${field} rows="2" value=${text} dir="auto" placeholder=${note ? t("note.placeholder") : t("answer.placeholder", { name: row.name })} aria-label=${note ? t("note") : t("answer")}
            onInput=${input} onKeyDown=${key} onPaste=${paste} onBlur=${() => setTimeout(() => setChoosing(""), 150)} spellcheck=${true}></textarea>
        </div>
        ${!note && uploads.length > 0 && html`<${UploadList} number=${number} uploads=${uploads} />`}
        ${!note && options && html`<${Options} number=${number} limits=${limits} />`}
        ${!note && html`<${Split} text=${text} limits=${limits} />`}
        <div class="composer-foot">
          ${!note && html`
            <${IconButton} icon="paperclip" label=${limitHint(limits)} onclick=${() => picker.current.click()} />
            <input ref=${picker} type="file" id="picker" multiple hidden onChange=${(/** @type {any} */ e) => { addFiles(number, channel, e.target.files); e.target.value = ""; }} />
            <${IconButton} icon="zap" label=${t("canned")} keys="/" onclick=${() => { insert(text && !/\s$/.test(text) ? " /" : "/"); setChoosing("/"); }} />
            ${limits.options !== 0 && html`<${IconButton} icon="list-filter" label=${t("options")} pressed=${Boolean(options)} onclick=${() => { one.options.value = options ? null : [""]; }} />`}`}
          <${EmojiButton} onchoose=${insert} />
          <span class="spring"></span>
          ${!note && html`<${Counter} text=${text} limits=${limits} />`}
          <span class="send-hint wide-only">${enterSends.value ? t("send.enter") : t("send.ctrl")}</span>
          <button type="button" class="button primary send" aria-label=${note ? t("note.add") : t("send")} disabled=${!ready} onClick=${() => submit()}><${Icon} name=${note ? "sticky-note" : "send"} /><span>${note ? t("note.add") : t("send")}</span></button>
        </div>`}
  </section>`;
}

/** What the channel takes, said before anybody chooses a file. @param {import("../model/config.js").Limits} limits */
function limitHint(limits) {
  const rules = Object.entries(limits.files).filter(([, r]) => r.bytes).map(([kind, r]) => t("file.rule", { kind: t(`kind.${kind}`), size: Math.round(/** @type {number} */ (r.bytes) / 1_000_000) }));
  return rules.length ? `${t("attach")}: ${rules.join(", ")}` : t("attach");
}

/** Who else is here, and whether they are answering. @param {{number: number}} props */
function Others({ number }) {
  const here = Object.entries(stage.value[number] ?? {});
  if (!here.length) return null;
  const writing = here.filter(([, s]) => s.does === "typing");
  const names = (writing.length ? writing : here).map(([who]) => who).join(", ");
  return html`<p class=${cx("others", writing.length && "writing")} role="status"><${Icon} name=${writing.length ? "pencil" : "eye"} />${t(writing.length ? "stage.typing" : "stage.looking", { name: names })}</p>`;
}

/** "comment" or "direct" when no answer can be sent any more, else "". @param {import("../model/shapes.js").Row} row */
export function windowOver(row) {
  const at = now.value;
  if (row.comment_until && Date.parse(row.comment_until) > at) return "";
  if (row.reply_until) return Date.parse(row.reply_until) <= at ? "direct" : "";
  return row.comment_until ? "comment" : "";
}

/** @param {{row: import("../model/shapes.js").Row}} props */
function WindowLeft({ row }) {
  const at = now.value;
  const comment = row.comment_until ? Date.parse(row.comment_until) - at : 0;
  if (comment > 0) return html`<span class="window comment"><${Icon} name="message-square-text" />${t("window.comment", { time: left(comment) })}</span>`;
  const rest = row.reply_until ? Date.parse(row.reply_until) - at : 0;
  if (rest <= 0 || rest > WINDOW_SHOWN_MS) return null;
  return html`<span class=${cx("window", rest < 3600_000 && "late")}><${Icon} name="clock" />${t("window.left", { time: left(rest) })}</span>`;
}

/** @param {{text: string, limits: import("../model/config.js").Limits}} props */
function Counter({ text, limits }) {
  const found = measure(text, limits);
  if (!found || found.share < 0.8) return null;
  return html`<span class=${cx("counter", found.share > 1 && "over")} title=${t("counter.bytes", { count: bytes(text) })}>${found.used} / ${found.most}</span>`;
}

/** Where a long text will be cut. @param {{text: string, limits: import("../model/config.js").Limits}} props */
function Split({ text, limits }) {
  const found = pieces(text, limits);
  if (found.length < 2) return null;
  return html`<div class="split" role="status"><strong>${t("split", { count: found.length })}</strong>
    ${found.slice(0, -1).map(([, end], at) => html`<span key=${at} class="cut" dir="auto">…${text.slice(Math.max(0, end - 22), end)}<i aria-hidden="true"></i>${text.slice(found[at + 1][0], found[at + 1][0] + 22)}…</span>`)}</div>`;
}

/** Files dropped onto the conversation. @param {number} number @param {string} channel */
export function useDrop(number, channel) {
  const [over, setOver] = useState(false);
  const depth = useRef(0);
  const has = (/** @type {DragEvent} */ e) => [...(e.dataTransfer?.types ?? [])].includes("Files");
  const props = {
    onDragEnter: (/** @type {DragEvent} */ e) => { if (has(e)) { e.preventDefault(); depth.current += 1; setOver(true); } },
    onDragOver: (/** @type {DragEvent} */ e) => has(e) && e.preventDefault(),
    onDragLeave: () => { depth.current = Math.max(0, depth.current - 1); if (!depth.current) setOver(false); },
    onDrop: (/** @type {DragEvent} */ e) => {
      if (!has(e)) return;
      e.preventDefault();
      depth.current = 0;
      setOver(false);
      conversation(number).mode.value = "answer";
      addFiles(number, channel, e.dataTransfer?.files ?? []);
    },
  };
  return { over, props };
}
