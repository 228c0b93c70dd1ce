/**
 * Sending. Each press of Enter makes an id that goes along with every repetition, so that one press is one message,
 * whatever the network does. What could not be sent stays, also over a reload, and is never sent by itself when stale.
 */
import { signal } from "../../ui/lib.js";
import { Problem, ask } from "../../ui/api.js";
import { recall, remember } from "../../ui/remember.js";
import { t } from "../../ui/i18n.js";
import { conversation, conversations } from "./conversations.js";
import { presume } from "./inbox.js";
import { message as asMessage } from "./shapes.js";

/** @typedef {import("./conversations.js").Pending} Pending */

const KEPT = "relay-unsent";
const STALE_MS = 5 * 60_000;
const AGAIN_MS = 3000;

/** An answer that was refused because somebody else has answered. @type {import("../../ui/lib.js").Signal<{number: number, pending: Pending, newer: import("./shapes.js").Message[]}|null>} */
export const collision = signal(null);

/** An id for one press of the button. Plain http has no randomUUID. */
function newId() {
  const raw = crypto.getRandomValues(new Uint8Array(16));
  return [...raw].map((b) => b.toString(16).padStart(2, "0")).join("");
}

function keep() {
  const unsent = [...conversations()].flatMap((c) => c.pending.peek().map((p) => ({ number: c.number, ...p })));
  remember(KEPT, unsent);
}

/** @param {number} number @param {string} id @param {Partial<Pending>|null} change null: it is gone */
function update(number, id, change) {
  const one = conversation(number);
  one.pending.value = change === null ? one.pending.peek().filter((p) => p.client_id !== id) : one.pending.peek().map((p) => (p.client_id === id ? { ...p, ...change } : p));
  keep();
}

/** @param {number} number @param {Pick<Pending, "kind"|"text"|"options"|"files">} what */
export function send(number, what) {
  const one = conversation(number);
  /** @type {Pending} */
  const pending = { ...what, client_id: newId(), at: new Date().toISOString(), status: "sending", problem: "", tries: 0, force: false };
  one.pending.value = [...one.pending.peek(), pending];
  one.place.stuck = true;
  keep();
  queue(number, pending.client_id);
}

/** One after another, so that each knows of the one before it. @param {number} number @param {string} id */
function queue(number, id) {
  const one = conversation(number);
  one.sending = one.sending.then(() => attempt(number, id));
}

/** @param {number} number @param {string} id */
async function attempt(number, id) {
  const one = conversation(number);
  const pending = one.pending.peek().find((p) => p.client_id === id);
  if (!pending) return;
  update(number, id, { status: "sending", problem: "" });
  const body = { kind: pending.kind, text: pending.text, options: pending.options, files: pending.files.map((f) => f.id), after: one.page.peek().loaded && !one.page.peek().newer ? one.lastAnswer : null, force: pending.force };
  if (pending.kind === "note") Object.assign(body, { options: [], after: null, force: false });
  try {
    const raw = await ask("POST", `/conversations/${number}/messages`, body, { headers: { "Idempotency-Key": id } });
    one.take({ ...raw, client_id: raw.client_id || id });
    update(number, id, null);
    if (pending.kind === "answer") presume(number, { waiting_since: "" });
  } catch (error) {
    failed(number, id, pending, /** @type {Problem} */ (error));
  }
}

/** @param {number} number @param {string} id @param {Pending} pending @param {Problem} error */
function failed(number, id, pending, error) {
  if (error.status === 412) {
    update(number, id, null);
    const newer = (error.body.newer ?? []).map(asMessage);
    for (const raw of error.body.newer ?? []) conversation(number).take(raw);
    collision.value = { number, pending, newer };
    return;
  }
  const passing = error.offline || error.status === 503 || error.status === 502 || error.status === 504 || error.status === 429 || error.status === 409;
  if (!passing) {
    update(number, id, { status: "failed", problem: error.message });
    return;
  }
  if (Date.now() - Date.parse(pending.at) > STALE_MS) {
    update(number, id, { status: "unsent", problem: t("send.stale") });
    return;
  }
  update(number, id, { status: "waiting", problem: error.offline ? t("send.offline") : error.message, tries: pending.tries + 1 });
  let timer = 0;
  const again = () => {
    clearTimeout(timer);
    window.removeEventListener("online", again);
    queue(number, id);
  };
  timer = window.setTimeout(again, Math.max(AGAIN_MS, error.retryAfter * 1000));
  window.addEventListener("online", again);
}

/** Send what was not sent once more. @param {number} number @param {string} id */
export function sendAgain(number, id) {
  update(number, id, { at: new Date().toISOString(), status: "sending" });
  queue(number, id);
}

/** @param {number} number @param {string} id */
export const discard = (number, id) => update(number, id, null);

/** Answer all the same. */
export function sendAnyway() {
  const refused = collision.value;
  if (!refused) return;
  collision.value = null;
  const one = conversation(refused.number);
  // Another id: what the server refused under the old one, it has remembered as refused.
  const pending = { ...refused.pending, client_id: newId(), force: true, status: /** @type {const} */ ("sending"), at: new Date().toISOString() };
  one.pending.value = [...one.pending.peek(), pending];
  keep();
  queue(refused.number, pending.client_id);
}

/** What an earlier visit could not send: offered again, not sent by itself. */
export function restoreUnsent() {
  for (const { number, ...pending } of recall(KEPT, [])) {
    const one = conversation(number);
    if (one.pending.peek().some((p) => p.client_id === pending.client_id)) continue;
    const fresh = Date.now() - Date.parse(pending.at) < STALE_MS;
    one.pending.value = [...one.pending.peek(), { ...pending, status: fresh ? "waiting" : "unsent", problem: fresh ? "" : t("send.stale") }];
    if (fresh) queue(number, pending.client_id);
  }
}
