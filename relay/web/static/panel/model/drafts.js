/** What is being written, kept on the server for each person, conversation and mode: it survives everything. */
import { ask } from "../../ui/api.js";
import { conversation } from "./conversations.js";

/** @typedef {"answer"|"note"} Mode */
const IDLE_MS = 500;

/** @type {Map<string, {number: number, mode: Mode, timer: number}>} */
const unsaved = new Map();

/** @param {number} number @param {Mode} mode @param {string} text */
export function write(number, mode, text) {
  conversation(number).drafts[mode].value = text;
  const key = `${number}/${mode}`;
  clearTimeout(unsaved.get(key)?.timer);
  unsaved.set(key, { number, mode, timer: window.setTimeout(() => save(key), IDLE_MS) });
}

/** @param {string} key @param {boolean} [leaving] the page goes away: the request must outlive it */
async function save(key, leaving = false) {
  const one = unsaved.get(key);
  if (!one) return;
  clearTimeout(one.timer);
  unsaved.delete(key);
  const text = conversation(one.number).drafts[one.mode].peek();
  try {
    await ask("PUT", `/conversations/${one.number}/drafts/${one.mode}`, { text }, { keepalive: leaving });
  } catch {
    if (!unsaved.has(key)) unsaved.set(key, { ...one, timer: window.setTimeout(() => save(key), 5000) });
  }
}

/** The drafts the server has; what is being written here is newer. @param {number} number @param {{answer?: string, note?: string}|undefined} found */
export function takeDrafts(number, found) {
  const one = conversation(number);
  if (one.draftsRead) return;
  one.draftsRead = true;
  for (const mode of /** @type {Mode[]} */ (["answer", "note"])) {
    if (!one.drafts[mode].value && !unsaved.has(`${number}/${mode}`)) one.drafts[mode].value = found?.[mode] ?? "";
  }
  if (!one.drafts.answer.value && one.drafts.note.value) one.mode.value = "note";
}

window.addEventListener("pagehide", () => {
  for (const key of [...unsaved.keys()]) save(key, true);
});
