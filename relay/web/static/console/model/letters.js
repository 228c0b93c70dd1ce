/** Dead letters as they were shown. The list does not move under the hand: what has changed since is said, and shown on request. */
import { signal } from "../../ui/lib.js";
import { ask, query } from "../../ui/api.js";
import { act } from "./acts.js";
import { readStatus } from "./status.js";

/**
 * @typedef {{id: string, conversation: number, destination: string, attempts: number, reason: string, said: string, at: string|null, text: string}} Letter
 * @typedef {{items: Letter[], next: string|null, total: number, snapshot: string, all: number, error: any, loading: boolean}} Letters
 * @typedef {{id: string, done: boolean, new_id: string|null, destination: string|null, problem: string|null}} Done
 */

/** @type {import("../../ui/lib.js").Signal<Letters>} */
export const letters = signal({ items: [], next: null, total: 0, snapshot: "", all: 0, error: null, loading: true });
/** Ids that are ticked. @type {import("../../ui/lib.js").Signal<Set<string>>} */
export const chosen = signal(new Set());
/** Whether all that match are meant, beyond what is on the page. */
export const everything = signal(false);

let filter = {};

/** @param {{destination?: string, reason?: string}} [of] */
export async function readLetters(of = filter) {
  filter = of;
  letters.value = { ...letters.value, loading: true };
  try {
    const found = await ask("GET", `/dead-letters${query({ ...of, limit: 50 })}`);
    chosen.value = new Set();
    everything.value = false;
    await readStatus();
    letters.value = { ...found, error: null, loading: false };
  } catch (error) {
    letters.value = { ...letters.value, error, loading: false };
  }
}

export async function readMore() {
  const { items, next } = letters.value;
  if (!next) return;
  const found = await ask("GET", `/dead-letters${query({ ...filter, limit: 50, cursor: next })}`);
  // The snapshot stays the first page's: it names what was shown when the number was.
  letters.value = { ...letters.value, items: [...items, ...found.items], next: found.next };
}

/**
 * What was ticked, or all of the snapshot that was shown.
 * @param {"replay"|"drop"} what @param {{to?: string, reason?: string}} more
 * @returns {Promise<Done[]|null>}
 */
export async function decide(what, more) {
  const which = everything.value ? { snapshot: letters.value.snapshot, expected: letters.value.total } : { ids: [...chosen.value] };
  const found = await act("POST", `/dead-letters/${what}`, { ...which, ...more }, what === "replay" ? { key: crypto.randomUUID() } : {});
  if (!found) return null;
  await readLetters();
  return found.items;
}
