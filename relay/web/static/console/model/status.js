/** Where everything stands, and who is looking. */
import { signal } from "../../ui/lib.js";
import { ask, session } from "../../ui/api.js";
import { t } from "../../ui/i18n.js";
import { span } from "../../ui/time.js";

/**
 * @typedef {{name: string, kind: string, role: "channel"|"desk", state: string, since: string|null, said: string, remedy: string,
 *   backlog: number, oldest: string|null, next_try: string|null, workers: number}} Connection
 * @typedef {{alarm: string, account: string, since: string|null, text: string}} Alarm
 * @typedef {{running: boolean, processes: number, dead_letters: number, connections: Connection[], alarms: Alarm[],
 *   version: string, started: string|null, problems: string[]}} Status
 */

const given = JSON.parse(document.getElementById("state")?.textContent ?? "{}");
session.csrf = given.csrf ?? "";

/** @type {Record<string, string>} */
export const labels = given.labels ?? {};
/** Channel -> its desks. @type {Record<string, string[]>} */
export const routes = given.routes ?? {};
/** Desks of the relay's own: nothing is sent to them, so nothing can wait there. @type {string[]} */
export const panels = given.panels ?? [];
export const hasPanel = panels.length > 0;

/** @type {import("../../ui/lib.js").Signal<Status|null>} */
export const status = signal(null);
/** Why the last look failed; null while it has not. @type {import("../../ui/lib.js").Signal<any>} */
export const trouble = signal(null);
/** @type {import("../../ui/lib.js").Signal<import("../../ui/stream.js").StreamState>} */
export const connection = signal("connecting");
export const lost = signal(false);
/** @type {import("../../ui/lib.js").Signal<{name: string, role: string, operations: string[]}>} */
export const me = signal({ name: "", role: "", operations: [] });

/** "for 5 min", or that it has only just begun. @param {string} key @param {string} since @param {number} current */
export function lasting(key, since, current) {
  const ms = current - Date.parse(since);
  return ms < 60_000 ? t(`${key}.just`) : t(key, { time: span(ms) });
}

/** @param {string} operation */
export const may = (operation) => me.value.operations.includes(operation);

export async function readMe() {
  const found = await ask("GET", "/me");
  if (found.csrf) session.csrf = found.csrf;
  me.value = found;
}

let asked = 0;
export async function readStatus() {
  asked += 1;
  const mine = asked;
  try {
    const found = await ask("GET", "/status");
    if (mine !== asked) return; // a later answer is newer
    status.value = found;
    trouble.value = null;
  } catch (error) {
    if (mine === asked) trouble.value = error;
  }
}
