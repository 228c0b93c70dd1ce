/** What is shown stands in the address: it can be sent to a colleague, and Back works. */
import { signal } from "../../ui/lib.js";

export const TABS = ["map", "dead", "figures", "setup"];
const KEYS = ["tab", "view", "destination", "reason", "range", "m"];

/** @typedef {{tab: string, view: string, destination: string, reason: string, range: string, m: string}} Place */

/** @returns {Place} */
function read() {
  const given = new URLSearchParams(location.search);
  const found = Object.fromEntries(KEYS.map((key) => [key, given.get(key) ?? ""]));
  if (!TABS.includes(found.tab)) found.tab = "map";
  if (!["day", "week", "month"].includes(found.range)) found.range = "day";
  return /** @type {Place} */ (found);
}

/** @type {import("../../ui/lib.js").Signal<Place>} */
export const place = signal(read());

export function startAddress() {
  window.addEventListener("popstate", () => { place.value = read(); });
}

/** The address of another place. @param {Partial<Place>} changed */
export function href(changed) {
  const next = { ...place.value, ...changed };
  const pairs = KEYS.filter((key) => next[key] && !(key === "tab" && next[key] === "map") && !(key === "range" && next[key] === "day"));
  const text = new URLSearchParams(pairs.map((key) => [key, next[key]])).toString();
  return `/console${text ? `?${text}` : ""}`;
}

/** @param {Partial<Place>} changed */
export function go(changed) {
  history.pushState(null, "", href(changed));
  place.value = read();
}
