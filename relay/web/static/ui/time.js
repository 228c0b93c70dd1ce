/** Times as people say them. One clock for the whole page: `now`, which moves every 5 seconds while the page is seen. */
import { html, signal } from "./lib.js";
import { locale, t } from "./i18n.js";

export const now = signal(Date.now());
const tick = () => {
  if (!document.hidden) now.value = Date.now();
};
setInterval(tick, 5000);
document.addEventListener("visibilitychange", tick);

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const clockFormat = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hour12: false });
const exactFormat = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "medium" });
const weekday = new Intl.DateTimeFormat(locale, { weekday: "short" });
const dayMonth = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
const dayMonthYear = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric" });
const longDay = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long" });
const longDayYear = new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", year: "numeric" });
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });

/** Midnight of a day, as this browser's clock has it. @param {number} ms */
const midnight = (ms) => new Date(ms).setHours(0, 0, 0, 0);

/** "14:05" @param {string|number} at */
export const clock = (at) => clockFormat.format(new Date(at));

/** The whole of it, for titles. @param {string|number} at */
export const exact = (at) => exactFormat.format(new Date(at));

/** "3 Mar 2026" @param {string|number} at */
export const dateOf = (at) => dayMonthYear.format(new Date(at));

/** A length of time, short: "now", "5 min", "3 h", "2 d". @param {number} ms */
export function span(ms) {
  if (ms < MINUTE) return t("time.now");
  if (ms < HOUR) return t("time.min", { n: Math.floor(ms / MINUTE) });
  if (ms < DAY) return t("time.h", { n: Math.floor(ms / HOUR) });
  return t("time.d", { n: Math.floor(ms / DAY) });
}

/** What is left, to the minute: "3 h 12 min". @param {number} ms */
export function left(ms) {
  if (ms <= 0) return t("time.min", { n: 0 });
  if (ms < HOUR) return t("time.min", { n: Math.max(1, Math.floor(ms / MINUTE)) });
  const minutes = Math.floor((ms % HOUR) / MINUTE);
  return `${t("time.h", { n: Math.floor(ms / HOUR) })}${minutes ? ` ${t("time.min", { n: minutes })}` : ""}`;
}

/** For a list: the time today, the weekday this week, then the date. @param {string} at @param {number} current */
export function shortTime(at, current) {
  const ms = Date.parse(at);
  if (current - ms < MINUTE && current >= ms) return t("time.now");
  const today = midnight(current);
  if (ms >= today) return clock(ms);
  if (ms >= today - 6 * DAY) return weekday.format(ms);
  return (new Date(ms).getFullYear() === new Date(current).getFullYear() ? dayMonth : dayMonthYear).format(ms);
}

/** "Today", "Yesterday", "Monday, 3 March". @param {string|number} at @param {number} current */
export function dayLabel(at, current) {
  const days = Math.round((midnight(new Date(at).getTime()) - midnight(current)) / DAY);
  if (days === 0 || days === -1) {
    const word = relative.format(days, "day");
    return word[0].toUpperCase() + word.slice(1);
  }
  return (new Date(at).getFullYear() === new Date(current).getFullYear() ? longDay : longDayYear).format(new Date(at));
}

/** Whether two times are of one day here. @param {string} a @param {string} b */
export const sameDay = (a, b) => midnight(Date.parse(a)) === midnight(Date.parse(b));

/** A time in a list. @param {{at: string, class?: string}} props */
export function When({ at, class: name }) {
  return html`<time class=${name} datetime=${at} title=${exact(at)}>${shortTime(at, now.value)}</time>`;
}
