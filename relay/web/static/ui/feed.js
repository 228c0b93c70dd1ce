/**
 * The feed, shared by all tabs of a browser: one of them leads and holds the only connection, the others hear it through
 * a BroadcastChannel. A browser opens six connections to an address; without this the seventh tab would never load.
 *
 * Every tab keeps its own place in the feed: each change names the one before it, and a tab that has missed one asks.
 */
import { openStream } from "./stream.js";

const SILENT_MS = 40_000;

/**
 * @typedef {import("./stream.js").Happening} Happening
 * @typedef {import("./stream.js").StreamState} StreamState
 * @param {{
 *   name: string,
 *   url: (after: string) => string,
 *   pollUrl?: (after: string, wait: number) => string,
 *   after?: string,
 *   change: (data: any) => void,
 *   other?: (happening: Happening) => void,
 *   resync: () => Promise<string|void>,
 *   state?: (state: StreamState) => void,
 *   expired?: () => Promise<void>,
 * }} options `name`: tabs with the same one share a connection. `resync`: read everything anew; resolves to the position
 *   of what was read. `other`: events without a place in the feed, such as who is typing.
 */
export function openFeed({ name, url, pollUrl, after = "", change, other = () => {}, resync, state = () => {}, expired }) {
  const air = "BroadcastChannel" in window ? new BroadcastChannel(name) : null;
  let position = after;
  let heard = Date.now();
  let leading = false;
  let mending = Promise.resolve();
  /** @type {ReturnType<typeof openStream>|null} */
  let stream = null;
  /** @type {(() => void)|null} */
  let resign = null;

  /** One event, from wherever it came. Runs one after another, so that a gap is filled before what follows it. */
  function take(/** @type {Happening} */ happening) {
    heard = Date.now();
    mending = mending.then(() => apply(happening)).catch((error) => console.warn("feed:", error));
  }

  async function apply(/** @type {Happening} */ happening) {
    if (happening.name === "resync") return void (await anew());
    if (happening.name === "hello") {
      if (!position) position = happening.id || happening.data?.at || "";
      else if (position !== (happening.id || happening.data?.at) && !leading) await mend();
      return other(happening);
    }
    if (happening.name !== "change") return other(happening);
    const prev = happening.data?.prev;
    if (happening.id && !isAfter(happening.id, position)) return undefined; // heard already
    if (prev && position && prev !== position && isAfter(prev, position)) await mend(happening.id);
    if (happening.id && !isAfter(happening.id, position)) return undefined;
    change(happening.data);
    if (happening.id) position = happening.id;
    return undefined;
  }

  async function anew() {
    const found = await resync();
    if (found) position = found;
    if (stream && found) stream.position = found;
  }

  /** Ask for what was missed; where that cannot be told any more, read everything. */
  async function mend(upTo = "") {
    if (!pollUrl) return anew();
    for (let round = 0; round < 50; round += 1) {
      const response = await fetch(pollUrl(position, 0), { cache: "no-store" });
      if (!response.ok) return anew();
      const { items = [], next, resync: lost } = await response.json();
      if (lost) return anew();
      for (const item of items) {
        if (item.id && !isAfter(item.id, position)) continue;
        if (item.name === "change") change(item.data);
        if (item.id) position = item.id;
      }
      if (next && isAfter(next, position)) position = next;
      if (!items.length || (upTo && !isAfter(upTo, position))) return undefined;
    }
    return anew();
  }

  function lead() {
    leading = true;
    stream = openStream({
      url, pollUrl, after: position, expired,
      event: (happening) => {
        air?.postMessage({ happening });
        take(happening);
      },
      state: (now) => {
        air?.postMessage({ state: now });
        state(now);
      },
    });
  }

  function follow() {
    leading = false;
    stream?.close();
    stream = null;
  }

  if (air) {
    air.onmessage = ({ data }) => {
      if (leading) {
        if (data.asks) air.postMessage({ state: "live" });
        return;
      }
      if (data.happening) take(data.happening);
      if (data.state) { heard = Date.now(); state(data.state); }
    };
  }

  async function candidate(steal = false) {
    try {
      await navigator.locks.request(name, steal ? { steal: true } : {}, () => new Promise((resolve) => {
        resign = () => resolve(undefined);
        lead();
        mending = mending.then(() => undefined);
      }));
    } catch {
      // Another tab has taken over: this one had been asleep.
    }
    follow();
    if (!closed) candidate();
  }

  let closed = false;
  if (navigator.locks && air) {
    candidate();
    air.postMessage({ asks: true });
  } else {
    lead();
  }

  // A tab that is looked at and hears nothing takes over: the leader may be frozen in the background.
  const look = () => {
    if (document.hidden || leading || closed || !navigator.locks || Date.now() - heard < SILENT_MS) return;
    heard = Date.now();
    candidate(true);
  };
  const watch = setInterval(look, 5000);
  document.addEventListener("visibilitychange", look);

  return {
    get position() { return position; },
    get leading() { return leading; },
    close() {
      closed = true;
      clearInterval(watch);
      resign?.();
      stream?.close();
      air?.close();
    },
  };
}

/** Whether position `a` is after `b`: "1764300000123-4", numbers compared as numbers. @param {string} a @param {string} b */
export function isAfter(a, b) {
  if (!b) return true;
  const [aMs, aSeq = "0"] = a.split("-");
  const [bMs, bSeq = "0"] = b.split("-");
  const main = BigInt(aMs || 0) - BigInt(bMs || 0);
  return main > 0n || (main === 0n && BigInt(aSeq) > BigInt(bSeq));
}
