/** The list: which rows are shown, in which order, and how it is kept right while things happen. */
import { batch, computed, signal } from "../../ui/lib.js";
import { ask, query } from "../../ui/api.js";
import { filters, selected } from "./address.js";
import { asQuery, comparing, matches } from "./matching.js";
import { me } from "./people.js";
import { isOlder, row as asRow } from "./shapes.js";

/** @typedef {import("./shapes.js").Row} Row */

const PAGE = 50;
const MOST = 300;
const SETTLE_MS = 2000;

/** Every row this page knows, each in a signal of its own: a change draws one row anew. @type {Map<number, import("../../ui/lib.js").Signal<Row>>} */
const known = new Map();

export const list = signal({ ids: /** @type {number[]} */ ([]), next: /** @type {string|null} */ (null), loading: true, error: /** @type {Error|null} */ (null) });
export const counts = signal(/** @type {Record<string, number>} */ ({}));
/** Numbers of rows that would move or come in, and wait: the pointer is over the list. */
export const held = signal(/** @type {Set<number>} */ (new Set()));

/** @param {number} number @returns {Row|undefined} */
export const rowOf = (number) => known.get(number)?.value;
/** @param {number} number */
export const rowSignal = (number) => known.get(number);
export const selectedRow = computed(() => {
  void version.value;
  return known.get(selected.value)?.value;
});
const version = signal(0); // moves when a row becomes known

let asked = 0;
let pointerInside = false;
let movedByKey = 0;

/** Read the list anew. Rows that stay keep their place meanwhile. @returns {Promise<string>} the position it contains */
export async function reload() {
  asked += 1;
  const mine = asked;
  list.value = { ...list.value, loading: true, error: null };
  try {
    const answer = await ask("GET", `/conversations${query({ ...asQuery(filters.value), limit: PAGE })}`);
    if (mine !== asked) return "";
    batch(() => {
      const rows = answer.items.map(asRow);
      for (const row of rows) learn(row);
      held.value = new Set();
      list.value = { ids: rows.map((/** @type {Row} */ r) => r.number), next: answer.next, loading: false, error: null };
    });
    refreshCounts();
    return answer.position ?? "";
  } catch (error) {
    if (mine === asked) list.value = { ...list.value, loading: false, error: /** @type {Error} */ (error) };
    return "";
  }
}

export async function more() {
  const { next, loading, ids } = list.value;
  if (!next || loading || ids.length >= MOST * 10) return;
  const mine = asked;
  list.value = { ...list.value, loading: true };
  try {
    const answer = await ask("GET", `/conversations${query({ ...asQuery(filters.value), limit: PAGE, cursor: next })}`);
    if (mine !== asked) return;
    batch(() => {
      const rows = answer.items.map(asRow);
      for (const row of rows) learn(row);
      const have = new Set(list.value.ids);
      list.value = { ids: [...list.value.ids, ...rows.map((/** @type {Row} */ r) => r.number).filter((/** @type {number} */ n) => !have.has(n))], next: answer.next, loading: false, error: null };
    });
  } catch (error) {
    list.value = { ...list.value, loading: false, error: /** @type {Error} */ (error) };
  }
}

/** Remember a row unless what is known is newer. @param {Row} row @returns {boolean} whether it changed anything */
function learn(row) {
  const had = known.get(row.number);
  if (row.unread < 0) row.unread = had?.peek().unread ?? 0;
  if (!had) {
    known.set(row.number, signal(row));
    version.value += 1;
    return true;
  }
  if (isOlder(had.peek(), row)) return false;
  had.value = row;
  return true;
}

/**
 * A row as it is now.
 * @param {any} raw
 * @param {any} [message] what has just been said in it, if anything
 * @returns {Row}
 */
export function takeRow(raw, message) {
  const row = asRow(raw);
  const had = rowOf(row.number);
  if (row.unread < 0 && message && (message.kind === "message" || message.kind === "comment")) {
    if (had && message.at > had.last.at) row.unread = had.unread + 1;
    // There may be more of them than this one: what is not in this page's memory is asked for.
    if (!had) fetchRow(row.number).catch(() => {});
  }
  if (learn(row)) {
    place(row.number);
    refreshCounts();
  }
  return /** @type {Row} */ (rowOf(row.number));
}

/** A row changed here before the server has said so. @param {number} number @param {Partial<Row>} some */
export function presume(number, some) {
  const had = known.get(number);
  if (!had) return;
  had.value = { ...had.value, ...some };
  place(number);
}

/** Whether rows must stay where they are just now: somebody is about to click one, or goes through them by key. */
const still = () => pointerInside || Date.now() - movedByKey < SETTLE_MS;

/** @param {number} number */
function place(number) {
  if (list.value.loading && !list.value.ids.length) return;
  const row = /** @type {Row} */ (rowOf(number));
  const { ids, next } = list.value;
  const at = ids.indexOf(number);
  const belongs = matches(row, filters.value, me.value.name);
  if (!belongs) {
    if (at >= 0 && number !== selected.value && !still()) list.value = { ...list.value, ids: ids.filter((n) => n !== number) };
    else if (at >= 0 && number !== selected.value) held.value = new Set([...held.value, number]);
    return;
  }
  const compare = comparing(filters.value.order);
  const others = at >= 0 ? ids.filter((n) => n !== number) : ids;
  let to = others.length;
  for (let low = 0, high = others.length; ; ) {
    if (low >= high) {
      to = low;
      break;
    }
    const middle = (low + high) >> 1;
    if (compare(/** @type {Row} */ (rowOf(others[middle])), row) < 0) low = middle + 1;
    else high = middle;
  }
  if (to === at) return;
  if (at < 0 && to === others.length && next) return; // further down than what has been read
  if (still()) {
    held.value = new Set([...held.value, number]);
    return;
  }
  list.value = { ...list.value, ids: [...others.slice(0, to), number, ...others.slice(to)] };
}

/** Apply what waited for the pointer to leave. */
export function release() {
  if (!held.value.size) return;
  const waiting = [...held.value];
  batch(() => {
    held.value = new Set();
    const inside = pointerInside;
    pointerInside = false;
    movedByKey = 0;
    for (const number of waiting) place(number);
    pointerInside = inside;
  });
}

export const pointer = {
  enter: () => { pointerInside = true; },
  leave: () => { pointerInside = false; release(); },
};
export const keyMoved = () => { movedByKey = Date.now(); setTimeout(() => still() || release(), SETTLE_MS + 50); };

/** Rows that no longer belong, kept because they were looked at, go when something else is. @param {number} except */
export function tidy(except) {
  const { ids } = list.value;
  const kept = ids.filter((n) => n === except || matches(/** @type {Row} */ (rowOf(n)), filters.value, me.value.name));
  if (kept.length !== ids.length && !still()) list.value = { ...list.value, ids: kept };
}

let countTimer = 0;
/** Counts are the server's; asked for once things have settled. */
export function refreshCounts() {
  if (countTimer) return;
  countTimer = window.setTimeout(async () => {
    countTimer = 0;
    try {
      counts.value = await ask("GET", "/conversations/counts");
    } catch {
      // The next change asks again.
    }
  }, 200);
}

/** A row that is not in the list: opened from a link or a search. @param {number} number */
export async function fetchRow(number) {
  const raw = await ask("GET", `/conversations/${number}`);
  takeRow(raw);
  return raw;
}
