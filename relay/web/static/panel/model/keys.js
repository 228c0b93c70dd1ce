/**
 * The keyboard. One table: the handler and the sheet behind "?" are both made from it. Keys are places on the keyboard
 * (`event.code`), so they work on every layout; no Alt, which makes letters; none while somebody types.
 */
import { signal } from "../../ui/lib.js";
import { recall, remember } from "../../ui/remember.js";

/** @typedef {{id: string, code: string, shift?: boolean, ctrl?: boolean, keys: string, group: string, typing?: boolean}} Key */

/** @type {Key[]} `id`: the text `key.<id>` and the command; `typing`: also while somebody types */
export const KEYS = [
  { id: "next", code: "KeyJ", keys: "J", group: "go" },
  { id: "previous", code: "KeyK", keys: "K", group: "go" },
  { id: "open", code: "Enter", keys: "Enter", group: "go" },
  { id: "open", code: "KeyO", keys: "O", group: "go" },
  { id: "back", code: "KeyU", keys: "U", group: "go" },
  { id: "back", code: "Escape", keys: "Esc", group: "go" },
  { id: "search", code: "Slash", keys: "/", group: "go" },
  { id: "palette", code: "KeyK", ctrl: true, keys: "Ctrl K", group: "go", typing: true },
  { id: "reply", code: "KeyR", keys: "R", group: "write" },
  { id: "note", code: "KeyN", keys: "N", group: "write" },
  { id: "sendClose", code: "Enter", ctrl: true, shift: true, keys: "Ctrl ⇧ Enter", group: "write", typing: true },
  { id: "attach", code: "KeyU", ctrl: true, shift: true, keys: "Ctrl ⇧ U", group: "write", typing: true },
  { id: "close", code: "KeyE", keys: "E", group: "do" },
  { id: "assign", code: "KeyA", keys: "A", group: "do" },
  { id: "take", code: "KeyA", shift: true, keys: "⇧ A", group: "do" },
  { id: "snooze", code: "KeyS", keys: "S", group: "do" },
  { id: "label", code: "KeyL", keys: "L", group: "do" },
  { id: "unread", code: "KeyU", shift: true, keys: "⇧ U", group: "do" },
  { id: "card", code: "KeyI", keys: "I", group: "do" },
  { id: "help", code: "Slash", shift: true, keys: "?", group: "go" },
];

/** Whether single letters do things. */
export const keysOn = signal(recall("relay-keys", true));
/** @param {boolean} on */
export function switchKeys(on) {
  keysOn.value = on;
  remember("relay-keys", on);
}

/** @param {string} id */
export const keysOf = (id) => (keysOn.value ? KEYS.find((k) => k.id === id)?.keys : undefined);

/** @param {EventTarget|null} target */
export function isTyping(target) {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("textarea, select, input:not([type=checkbox]):not([type=radio]):not([type=range])"));
}

/**
 * @param {Record<string, (event: KeyboardEvent) => void | false>} commands by id; one that gives false did nothing
 * @param {() => boolean} covered whether a dialog is open
 */
export function listenToKeys(commands, covered) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.altKey || event.getModifierState("AltGraph")) return;
    const ctrl = event.ctrlKey || event.metaKey;
    const typing = isTyping(event.target);
    const onControl = event.target instanceof HTMLElement && event.target.closest("button, a, [role=menuitem], summary");
    for (const key of KEYS) {
      if (key.code !== event.code || Boolean(key.ctrl) !== ctrl || Boolean(key.shift) !== event.shiftKey) continue;
      if (typing && !key.typing) continue;
      if (!key.ctrl && key.code !== "Escape" && !keysOn.value) continue;
      if (key.code === "Enter" && !key.ctrl && onControl) continue;
      if (covered() && key.id !== "palette") continue;
      if (commands[key.id]?.(event) === false) continue;
      event.preventDefault();
      return;
    }
  });
}
