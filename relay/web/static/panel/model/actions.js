/** What a person does to a conversation, besides writing in it. Each shows at once and is put right when refused. */
import { Problem, ask } from "../../ui/api.js";
import { t } from "../../ui/i18n.js";
import { toast } from "../../ui/toasts.js";
import { open, selected } from "./address.js";
import { conversation } from "./conversations.js";
import { fetchRow, list, presume, rowOf, takeRow } from "./inbox.js";
import { labels, me } from "./people.js";

/** Say what went wrong. @param {unknown} error */
export function explain(error) {
  if (error instanceof Problem && error.offline) toast(t("offline.action"), { kind: "bad" });
  else toast(/** @type {Error} */ (error).message, { kind: "bad" });
}

/**
 * Change a conversation as of what is shown; somebody who was quicker wins, and is named.
 * @param {number} number @param {Record<string, any>} some @param {Partial<import("./shapes.js").Row>} shown
 */
async function patch(number, some, shown) {
  const before = rowOf(number);
  if (!before) return false;
  presume(number, shown);
  try {
    takeRow(await ask("PATCH", `/conversations/${number}`, some, { headers: { "If-Match": `"${before.version}"` } }));
    return true;
  } catch (error) {
    presume(number, before);
    if (error instanceof Problem && error.status === 412) {
      await fetchRow(number).catch(() => {});
      const now = rowOf(number);
      if ("assignee" in some && now?.assignee && now.assignee !== before.assignee) toast(t("assign.quicker", { name: now.assignee }), { kind: "warn" });
      else if (now && now.version !== before.version && again(number, some, now, before)) return patch(number, some, shown);
      else toast(t("changed.quicker"), { kind: "warn" });
    } else explain(error);
    return false;
  }
}

/** Whether a change still means the same: what it changes is as it was. @param {number} _ @param {Record<string, any>} some @param {any} now @param {any} before */
const again = (_, some, now, before) => Object.keys(some).every((key) => JSON.stringify(now[key] ?? "") === JSON.stringify(before[key] ?? ""));

/** @param {number} number @param {string} name "" to nobody */
export const assign = (number, name) => patch(number, { assignee: name || null }, { assignee: name });
/** @param {number} number */
export const take = (number) => assign(number, me.value.name);

/** @param {number} number */
export async function closeOrReopen(number) {
  const row = rowOf(number);
  if (!row) return;
  if (row.state !== "open") {
    await patch(number, { state: "open" }, { state: "open", snoozed_until: "" });
    return;
  }
  if (await patch(number, { state: "closed" }, { state: "closed", waiting_since: "" })) {
    toast(t("closed.toast", { name: row.name }), { action: { label: t("undo"), run: () => patch(number, { state: "open" }, { state: "open" }) } });
  }
}

/** @param {number} number @param {Date} until */
export async function snooze(number, until) {
  const at = until.toISOString();
  await patch(number, { state: "snoozed", snoozed_until: at }, { state: "snoozed", snoozed_until: at });
}

/** @param {number} number @param {string[]} names */
export async function label(number, names) {
  if (await patch(number, { labels: names }, { labels: names })) {
    const fresh = names.filter((n) => !labels.value.some((l) => l.name === n));
    if (fresh.length) labels.value = [...labels.value, ...fresh.map((name) => ({ name }))];
  }
}

/** No answer is needed: it waits no longer. @param {number} number */
export const noAnswerNeeded = (number) => patch(number, { waiting: false }, { waiting_since: "" });

let readUpTo = "";
/** Read up to the newest shown message. @param {number} number @param {string} message */
export async function markRead(number, message) {
  const key = `${number}/${message}`;
  if (readUpTo === key) return;
  readUpTo = key;
  presume(number, { unread: 0 });
  await ask("POST", `/conversations/${number}/read`, { message }).catch(() => { readUpTo = ""; });
}

/** Conversations marked unread by hand stay so while they are open. @type {Set<number>} */
export const keptUnread = new Set();

/** @param {number} number */
export async function markUnread(number) {
  keptUnread.add(number);
  readUpTo = "";
  const last = conversation(number).messages.value.findLast((m) => m.kind === "message" || m.kind === "comment");
  presume(number, { unread: Math.max(1, rowOf(number)?.unread ?? 0) });
  try {
    await ask("POST", `/conversations/${number}/read`, { message: null, unread_from: last?.id ?? null });
  } catch (error) {
    explain(error);
  }
}

/** Send a message again that was not delivered. @param {number} number @param {string} id */
export async function retry(number, id) {
  try {
    const raw = await ask("POST", `/messages/${id}/retry`, undefined, { headers: { "Idempotency-Key": crypto.getRandomValues(new Uint32Array(4)).join("-") } });
    if (raw?.id) conversation(number).take(raw);
  } catch (error) {
    explain(error);
  }
}

/** The neighbour in the list. @param {number} step 1 or -1 */
export function neighbour(step) {
  const { ids } = list.value;
  if (!ids.length) return 0;
  const at = ids.indexOf(selected.value);
  return at < 0 ? ids[step > 0 ? 0 : ids.length - 1] : ids[at + step] ?? 0;
}

/** @param {number} step */
export function go(step) {
  const to = neighbour(step);
  if (to) open(to);
}
