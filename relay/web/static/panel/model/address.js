/** What is looked at stands in the address: tab, filters, conversation, message. So Back works, and a reload changes nothing. */
import { signal } from "../../ui/lib.js";
import { recall, remember } from "../../ui/remember.js";

/** @typedef {"mine"|"unassigned"|"waiting"|"open"|"snoozed"|"closed"|"failed"} Tab */
/** @typedef {{tab: Tab, channel: string, label: string, assignee: string, order: "newest"|"waiting"}} Filters */

/** @type {Tab[]} */
export const TABS = ["mine", "unassigned", "waiting", "open", "snoozed", "closed", "failed"];
const KEPT = "relay-filters";
/** @type {Filters} */
const PLAIN = { tab: "open", channel: "", label: "", assignee: "", order: "newest" };

/** @type {import("../../ui/lib.js").Signal<Filters>} */
export const filters = signal(PLAIN);
/** The open conversation's number; 0 for none. */
export const selected = signal(0);
/** The message it was opened at, from a search; "" for the newest. */
export const anchor = signal("");

function read() {
  const params = new URLSearchParams(location.search);
  const said = ["tab", "channel", "label", "assignee", "order"].some((name) => params.has(name));
  const kept = said ? PLAIN : { ...PLAIN, ...recall(KEPT, {}) };
  const tab = /** @type {Tab} */ (params.get("tab") ?? kept.tab);
  filters.value = {
    tab: TABS.includes(tab) ? tab : "open",
    channel: params.get("channel") ?? kept.channel,
    label: params.get("label") ?? kept.label,
    assignee: params.get("assignee") ?? kept.assignee,
    order: (params.get("order") ?? kept.order) === "waiting" ? "waiting" : "newest",
  };
  selected.value = Number(params.get("c")) || 0;
  anchor.value = params.get("m") ?? "";
}

/** @param {boolean} push */
function write(push) {
  const { tab, channel, label, assignee, order } = filters.value;
  const params = new URLSearchParams({ tab });
  if (channel) params.set("channel", channel);
  if (label) params.set("label", label);
  if (assignee) params.set("assignee", assignee);
  if (order !== "newest") params.set("order", order);
  if (selected.value) params.set("c", String(selected.value));
  if (anchor.value) params.set("m", anchor.value);
  const url = `/panel?${params}`;
  if (url === location.pathname + location.search) return;
  if (push) history.pushState(null, "", url);
  else history.replaceState(null, "", url);
  remember(KEPT, filters.value);
}

/** @param {Partial<Filters>} some */
export function setFilters(some) {
  filters.value = { ...filters.value, ...some };
  write(true);
}

/** Open a conversation, at a message if one is named. @param {number} number @param {string} [message] */
export function open(number, message = "") {
  const push = !selected.value || Boolean(message);
  anchor.value = message;
  selected.value = number;
  write(push);
}

export function closeConversation() {
  anchor.value = "";
  selected.value = 0;
  write(true);
}

/** Forget the message that was jumped to: the reader has gone on. */
export function leaveAnchor() {
  anchor.value = "";
  write(false);
}

export function startAddress() {
  read();
  write(false);
  window.addEventListener("popstate", read);
}
