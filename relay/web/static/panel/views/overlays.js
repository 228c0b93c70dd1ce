/** What lies over the page, one at a time, and the keys that bring it. */
import { html, signal } from "../../ui/lib.js";
import { Dialog } from "../../ui/dialog.js";
import { t } from "../../ui/i18n.js";
import { closeConversation, selected } from "../model/address.js";
import { closeOrReopen, go, markUnread, take } from "../model/actions.js";
import { conversation } from "../model/conversations.js";
import { keyMoved } from "../model/inbox.js";
import { listenToKeys } from "../model/keys.js";
import { Card } from "./card.js";
import { composing, focusComposer } from "./composer.js";
import { Help } from "./help.js";
import { Palette } from "./palette.js";
import { AssignPicker, LabelPicker, SnoozePicker } from "./pickers.js";
import { Settings } from "./settings.js";
import { Trace } from "./trace.js";
import { Viewer } from "./viewer.js";
import { searching } from "./search.js";

/** @typedef {{name: string, [more: string]: any}} Overlay */
/** @type {import("../../ui/lib.js").Signal<Overlay|null>} */
export const overlay = signal(null);
export const closeOverlay = () => { overlay.value = null; };

export function Overlays() {
  const now = overlay.value;
  if (!now) return null;
  const number = selected.value;
  switch (now.name) {
    case "help": return html`<${Help} onclose=${closeOverlay} />`;
    case "settings": return html`<${Settings} onclose=${closeOverlay} />`;
    case "palette": return html`<${Palette} onclose=${closeOverlay} />`;
    case "viewer": return html`<${Viewer} files=${now.files} at=${now.at} onclose=${closeOverlay} />`;
    case "trace": return html`<${Trace} id=${now.id} onclose=${closeOverlay} />`;
    case "snooze": return number ? html`<${SnoozePicker} number=${number} onclose=${closeOverlay} />` : null;
    case "label": return number ? html`<${LabelPicker} number=${number} onclose=${closeOverlay} />` : null;
    case "assign": return number ? html`<${AssignPicker} number=${number} onclose=${closeOverlay} />` : null;
    case "card": return number ? html`<${Dialog} title=${t("card")} onclose=${closeOverlay} class="card-dialog" plain=${true}><${Card} number=${number} /></${Dialog}>` : null;
    default: return null;
  }
}

/** Needs an open conversation. @param {(number: number) => void} run @returns {() => void | false} */
const here = (run) => () => (selected.value ? run(selected.value) : false);
/** @param {string} name */
const show = (name) => () => { overlay.value = { name }; };

/** @param {"answer"|"note"} mode */
const compose = (mode) => here((number) => {
  conversation(number).mode.value = mode;
  focusComposer();
});

/** What keys and the palette can do, by name. @type {Record<string, (event?: KeyboardEvent) => void | false>} */
export const commands = {
  next: () => { keyMoved(); go(1); },
  previous: () => { keyMoved(); go(-1); },
  open: () => (selected.value ? focusComposer() : go(1)),
  back: () => (searching.value.text ? void (searching.value = { text: "", inside: 0 }) : selected.value ? closeConversation() : false),
  search: () => document.getElementById("search")?.focus(),
  palette: show("palette"),
  reply: compose("answer"),
  note: compose("note"),
  sendClose: () => composing.send?.(true),
  attach: () => composing.attach?.(),
  close: here(closeOrReopen),
  assign: here(show("assign")),
  take: here(take),
  snooze: here(show("snooze")),
  label: here(show("label")),
  unread: here(markUnread),
  help: show("help"),
};

/** @param {{toggleCard: () => void}} app */
export function startKeys({ toggleCard }) {
  commands.card = here(toggleCard);
  listenToKeys(commands, () => Boolean(document.querySelector("dialog[open]")));
}

