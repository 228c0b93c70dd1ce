/** What runs beside what is drawn: reading at the start, the feed, and what follows from the address. */
import { effect, signal, untracked } from "../ui/lib.js";
import { session } from "../ui/api.js";
import { anchor, filters, selected, startAddress } from "./model/address.js";
import { conversation } from "./model/conversations.js";
import { takeDrafts } from "./model/drafts.js";
import { fetchRow, reload, rowOf, tidy } from "./model/inbox.js";
import { goLive, readTroubles } from "./model/live.js";
import { keepCalling, keepTitle } from "./model/notify.js";
import { readPeople } from "./model/people.js";
import { keepPresence } from "./model/presence.js";
import { restoreUnsent } from "./model/sending.js";
import { keptUnread } from "./model/actions.js";

/** Set while the session has ended: what to call when somebody has logged in again. @type {import("../ui/lib.js").Signal<(() => void)|null>} */
export const loggedOut = signal(null);

/** @type {Promise<void>|null} */
let waitingForLogin = null;
session.expired = () => {
  waitingForLogin ??= new Promise((resolve) => {
    loggedOut.value = () => {
      loggedOut.value = null;
      waitingForLogin = null;
      resolve();
    };
  });
  return waitingForLogin;
};

export function start() {
  startAddress();
  readPeople();
  readTroubles();
  restoreUnsent();
  keepTitle();
  keepPresence();
  keepCalling(rowOf);

  let live = false;
  effect(() => {
    void filters.value;
    untracked(async () => {
      const position = await reload();
      if (live) return;
      live = true;
      goLive(position);
    });
  });

  effect(() => {
    const number = selected.value;
    const at = anchor.value;
    if (!number) return;
    untracked(() => {
      keptUnread.delete(number);
      tidy(number);
      openConversation(number, at);
    });
  });
}

/** @param {number} number @param {string} at */
async function openConversation(number, at) {
  const one = conversation(number);
  const there = at ? one.messages.value.some((m) => m.id === at) && one.page.value.loaded : one.page.value.loaded && !one.page.value.newer;
  await Promise.all([
    there ? null : one.load(at),
    one.draftsRead && rowOf(number) ? null : fetchRow(number).then((raw) => takeDrafts(number, raw.drafts)).catch((error) => {
      if (error.status === 404) one.page.value = { ...one.page.value, error };
    }),
  ]);
}
