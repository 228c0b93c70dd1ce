/** Who else looks at a conversation, and who is writing. Never kept: it dies by itself. */
import { signal } from "../../ui/lib.js";
import { ask } from "../../ui/api.js";
import { selected } from "./address.js";
import { me } from "./people.js";

const LOOK_EVERY_MS = 10_000;
const LOOK_DIES_MS = 25_000;
const TYPE_EVERY_MS = 3000;
const TYPE_DIES_MS = 6000;

/** By conversation, who: what and until when. @type {import("../../ui/lib.js").Signal<Record<number, Record<string, {does: string, until: number}>>>} */
export const stage = signal({});

/** @param {{conversation: number, who: string, does: string}} said */
export function staged({ conversation, who, does }) {
  if (who === me.value.name) return;
  const there = { ...(stage.value[conversation] ?? {}) };
  if (does === "gone") delete there[who];
  else there[who] = { does, until: Date.now() + (does === "typing" ? TYPE_DIES_MS : LOOK_DIES_MS) };
  stage.value = { ...stage.value, [conversation]: there };
}

setInterval(() => {
  const now = Date.now();
  let changed = false;
  /** @type {typeof stage.value} */
  const left = {};
  for (const [number, there] of Object.entries(stage.value)) {
    /** @type {Record<string, {does: string, until: number}>} */
    const here = {};
    for (const [who, it] of Object.entries(there)) {
      if (it.until > now) here[who] = it;
      else if (it.does === "typing" && it.until + LOOK_DIES_MS - TYPE_DIES_MS > now) here[who] = { does: "looking", until: it.until + LOOK_DIES_MS - TYPE_DIES_MS };
      if (here[who] !== it) changed = true;
    }
    left[Number(number)] = here;
  }
  if (changed) stage.value = left;
}, 500);

/** @param {number} conversation @param {string} does */
const say = (conversation, does) => ask("POST", "/stage", { conversation, does }, { keepalive: does === "gone" }).catch(() => {});

let told = 0;
let typedAt = 0;

/** Say that this conversation is looked at, as long as it is. */
export function keepPresence() {
  const look = () => {
    const number = document.hidden ? 0 : selected.value;
    if (told && told !== number) say(told, "gone");
    told = number;
    if (number) say(number, "looking");
  };
  selected.subscribe(look);
  document.addEventListener("visibilitychange", look);
  window.addEventListener("pagehide", () => told && say(told, "gone"));
  setInterval(() => !document.hidden && selected.value && say(selected.value, Date.now() - typedAt < TYPE_EVERY_MS ? "typing" : "looking"), LOOK_EVERY_MS);
}

/** A key was pressed in the answer's field. @param {number} conversation */
export function typing(conversation) {
  if (Date.now() - typedAt < TYPE_EVERY_MS) return;
  typedAt = Date.now();
  say(conversation, "typing");
}
