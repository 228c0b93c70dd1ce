/** Being called: sound, title, icon and desktop notification, as each person wants it. */
import { computed, effect, signal } from "../../ui/lib.js";
import { recall, remember } from "../../ui/remember.js";
import { t } from "../../ui/i18n.js";
import { counts } from "./inbox.js";
import { open, selected } from "./address.js";
import { leads } from "./live.js";
import { me } from "./people.js";

/** @typedef {{who: "all"|"mine"|"off", sound: boolean, desktop: boolean, repeat: boolean, volume: number}} Wishes */

/** @type {import("../../ui/lib.js").Signal<Wishes>} */
export const wishes = signal({ who: "all", sound: true, desktop: false, repeat: false, volume: 0.5, ...recall("relay-notify", {}) });

/** @param {Partial<Wishes>} some */
export function wish(some) {
  wishes.value = { ...wishes.value, ...some };
  remember("relay-notify", wishes.value);
}

/** @type {AudioContext|null} */
let audio = null;
/** Whether the browser lets us be heard: it does after the first click or key in the page. */
export const soundBlocked = signal(false);

/** Make the sound ready; browsers allow it only while somebody does something. */
async function prime() {
  if (navigator.userActivation && !navigator.userActivation.hasBeenActive) return void (soundBlocked.value = true);
  try {
    audio ??= new AudioContext();
    if (audio.state === "suspended") await audio.resume();
    soundBlocked.value = audio.state !== "running";
  } catch {
    soundBlocked.value = true;
  }
}

for (const kind of ["pointerup", "keyup"]) document.addEventListener(kind, prime, { once: true, capture: true });

/** Two soft notes. */
export async function chime() {
  if (!audio || audio.state !== "running") {
    await prime();
    if (!audio || audio.state !== "running") return void (soundBlocked.value = true);
  }
  soundBlocked.value = false;
  const at = audio.currentTime;
  [[660, 0], [880, 0.13]].forEach(([tone, delay]) => {
    const voice = /** @type {AudioContext} */ (audio).createOscillator();
    const loud = /** @type {AudioContext} */ (audio).createGain();
    voice.frequency.value = tone;
    loud.gain.setValueAtTime(0, at + delay);
    loud.gain.linearRampToValueAtTime(0.25 * wishes.value.volume, at + delay + 0.015);
    loud.gain.exponentialRampToValueAtTime(0.0001, at + delay + 0.35);
    voice.connect(loud).connect(/** @type {AudioContext} */ (audio).destination);
    voice.start(at + delay);
    voice.stop(at + delay + 0.4);
  });
}

/** Whether somebody wants to be called for this row. @param {import("./shapes.js").Row} row */
function wanted(row) {
  const { who } = wishes.value;
  if (who === "off") return false;
  return who === "all" || !row.assignee || row.assignee === me.value.name;
}

/** @type {Map<number, number>} conversations still to be called for, and when next */
const again = new Map();

/**
 * A message came in. Only the leading tab makes a noise, so that three tabs are not three sounds.
 * @param {import("./shapes.js").Row} row @param {any} message
 */
export function arrived(row, message) {
  if (message.kind !== "message" && message.kind !== "comment") return void again.delete(row.number);
  if (Date.now() - Date.parse(message.at) > 60_000 || !wanted(row)) return;
  if (document.hasFocus() && !document.hidden && selected.value === row.number) return;
  if (!leads()) return;
  call(row, message.text);
  if (wishes.value.repeat && !row.assignee) again.set(row.number, Date.now() + 30_000);
}

/** @param {import("./shapes.js").Row} row @param {string} text */
function call(row, text) {
  if (wishes.value.sound) chime();
  if (!wishes.value.desktop || !("Notification" in window) || Notification.permission !== "granted" || (document.hasFocus() && !document.hidden)) return;
  const shown = new Notification(row.name, { body: text.slice(0, 200) || t("list.file"), tag: `relay-${row.number}` });
  shown.onclick = () => {
    window.focus();
    open(row.number);
    shown.close();
  };
}

/** Until somebody takes it. @param {(number: number) => import("./shapes.js").Row|undefined} rowOf */
export function keepCalling(rowOf) {
  setInterval(() => {
    for (const [number, at] of again) {
      const row = rowOf(number);
      if (!row || row.assignee || !row.waiting_since || !wishes.value.repeat) again.delete(number);
      else if (Date.now() >= at) {
        again.set(number, Date.now() + 30_000);
        call(row, row.last.text);
      }
    }
  }, 1000);
}

/** What the title and the icon show: failed ones first of all, then those that wait. */
const calling = computed(() => (counts.value.waiting ?? 0) + (counts.value.failed ?? 0));

/** Title and icon, always right. */
export function keepTitle() {
  const link = /** @type {HTMLLinkElement} */ (document.getElementById("favicon"));
  const plain = link.href;
  effect(() => {
    const count = calling.value;
    const failed = counts.value.failed ?? 0;
    document.title = `${count ? `(${count}) ` : ""}${failed ? `${t("title.failed", { count: failed })} · ` : ""}Relay`;
    link.href = count ? badge(count, failed > 0) : plain;
    link.type = count ? "image/png" : "image/svg+xml";
    const app = /** @type {any} */ (navigator);
    if (count) app.setAppBadge?.(count).catch(() => {});
    else app.clearAppBadge?.().catch(() => {});
  });
}

/** The icon with a number. @param {number} count @param {boolean} bad */
function badge(count, bad) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 64;
  const draw = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  draw.fillStyle = bad ? "#c62f26" : "#3257d6";
  draw.beginPath();
  draw.arc(32, 32, 32, 0, 7);
  draw.fill();
  draw.fillStyle = "#fff";
  draw.font = `600 ${count > 99 ? 30 : 40}px system-ui, sans-serif`;
  draw.textAlign = "center";
  draw.textBaseline = "middle";
  draw.fillText(count > 99 ? "99+" : String(count), 32, 35);
  return canvas.toDataURL("image/png");
}
