/** What runs beside what is drawn: reading at the start, then the feed and a slow pulse. */
import { effect, untracked } from "../ui/lib.js";
import { ROOT, query, session } from "../ui/api.js";
import { openFeed } from "../ui/feed.js";
import { place, startAddress } from "./model/address.js";
import { readLetters } from "./model/letters.js";
import { connection, lost, readMe, readStatus } from "./model/status.js";

const PULSE_MS = 2000; // not every change of a connection has an entry of its own in the feed

export async function start() {
  session.expired = () => {
    location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
    return new Promise(() => {});
  };
  startAddress();
  await Promise.all([readMe(), readStatus()]);
  effect(() => {
    const { tab, destination, reason } = place.value;
    if (tab === "dead") untracked(() => readLetters({ destination, reason }));
  });
  const pulse = () => void (document.hidden || readStatus());
  setInterval(pulse, PULSE_MS);
  document.addEventListener("visibilitychange", pulse);
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let soon;
  openFeed({
    name: "relay-feed",
    url: (after) => `${ROOT}/events${query({ after })}`,
    pollUrl: (after) => `${ROOT}/events.json${query({ after })}`,
    change: () => {
      soon ??= setTimeout(() => { soon = undefined; readStatus(); }, 300);
    },
    resync: async () => { await readStatus(); },
    expired: () => session.expired(),
    state: (now) => { connection.value = now; lost.value = now === "waiting"; },
  });
}
