/** The feed, applied to what the page holds. Many changes at once are drawn once. */
import { batch, signal } from "../../ui/lib.js";
import { ROOT, ask, query, session } from "../../ui/api.js";
import { openFeed } from "../../ui/feed.js";
import { selected } from "./address.js";
import { conversation, conversations } from "./conversations.js";
import { fetchRow, refreshCounts, reload, takeRow } from "./inbox.js";
import { arrived } from "./notify.js";
import { me, readPeople } from "./people.js";
import { staged } from "./presence.js";

/** @type {import("../../ui/lib.js").Signal<import("../../ui/stream.js").StreamState>} */
export const connection = signal("connecting");
/** What connections have trouble, by name. @type {import("../../ui/lib.js").Signal<Record<string, any>>} */
export const troubles = signal({});

/** @type {any[]} */
let waiting = [];

function flush() {
  const changes = waiting;
  waiting = [];
  batch(() => {
    for (const data of changes) apply(data);
  });
}

/** @param {any} data */
function change(data) {
  waiting.push(data);
  if (waiting.length > 1) return;
  // A hidden page draws nothing, but must count and sound.
  if (document.hidden) setTimeout(flush, 50);
  else requestAnimationFrame(flush);
}

/** @param {any} data */
function apply({ k, conversation: raw, message, by }) {
  const row = raw ? takeRow(raw, message) : null;
  const number = raw?.number ?? message?.conversation;
  if (message && number) {
    conversation(number).take(message);
    // What becomes of a message is news of its own, which nobody is called for.
    if (row && k === "message") arrived(row, message);
  }
  if (by && by === me.value.id) fetchRow(number).catch(() => {}); // read here in another tab, or in another browser
  if (k === "lists") readPeople();
  if (k === "erased" && number) refreshCounts();
  if (k === "connection" || k === "destination") readTroubles();
}

/** Everything anew, drafts and place kept: the page had been away for too long. */
async function resync() {
  for (const one of conversations()) one.forget();
  const [position] = await Promise.all([reload(), selected.value ? conversation(selected.value).load() : null, readTroubles()]);
  return position || undefined;
}

export async function readTroubles() {
  try {
    const { connections = [] } = await ask("GET", "/status");
    troubles.value = Object.fromEntries(connections.filter((/** @type {any} */ c) => c.state && c.state !== "working").map((/** @type {any} */ c) => [c.name, c]));
  } catch {
    // The banner is a help; without it failures are still shown at their messages.
  }
}

/** @type {ReturnType<typeof openFeed>|null} */
let feed = null;
export const leads = () => feed?.leading ?? true;

/** @param {string} position of what has been read */
export function goLive(position) {
  feed = openFeed({
    name: "relay-feed",
    after: position,
    url: (after) => `${ROOT}/events${query({ after })}`,
    pollUrl: (after, wait) => `${ROOT}/events.json${query({ after, wait })}`,
    change,
    resync,
    expired: () => session.expired(),
    state: (now) => { connection.value = now; },
    other: ({ name, data }) => {
      if (name === "stage") staged(data);
      if (name === "bye" && data?.why === "revoked") session.expired();
    },
  });
}
