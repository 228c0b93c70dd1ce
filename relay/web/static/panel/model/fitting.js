/** What a channel makes of a text: how many messages, cut where. The server's rule, so that people see it before sending. Pure. */

/** @typedef {import("./config.js").Limits} Limits */

const encoder = new TextEncoder();
const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const SPACE = /^(?![\u00a0\u2007\u202f])\s$/u;

/** UTF-8 bytes. @param {string} text */
export const bytes = (text) => encoder.encode(text).length;
/** Characters as the other side counts them. @param {string} text */
export const chars = (text) => [...text].length;

/**
 * The pieces a text is sent in, as places in it: from, to (UTF-16 units).
 * @param {string} text
 * @param {Limits} limits
 * @returns {[number, number][]}
 */
export function pieces(text, limits) {
  const mostChars = limits.text_chars ?? Infinity;
  const mostBytes = limits.text_bytes ?? Infinity;
  if (!text) return [];
  if (chars(text) <= mostChars && bytes(text) <= mostBytes) return [[0, text.length]];
  const clusters = [...segmenter.segment(text)].map(({ segment, index }) => ({ segment, index, chars: chars(segment), bytes: bytes(segment), space: SPACE.test(segment) }));
  /** @type {[number, number][]} */
  const found = [];
  let at = 0;
  while (at < clusters.length) {
    if (clusters[at].space) {
      at += 1;
      continue;
    }
    let usedChars = 0;
    let usedBytes = 0;
    let end = at;
    let lastSpace = -1;
    while (end < clusters.length && usedChars + clusters[end].chars <= mostChars && usedBytes + clusters[end].bytes <= mostBytes) {
      if (clusters[end].space) lastSpace = end;
      usedChars += clusters[end].chars;
      usedBytes += clusters[end].bytes;
      end += 1;
    }
    let stop = end;
    if (end < clusters.length && !clusters[end].space && lastSpace > at) stop = lastSpace;
    if (stop === at) stop = at + 1; // a single character longer than a piece: the server cuts it
    let last = stop;
    while (last > at && clusters[last - 1].space) last -= 1;
    if (last > at) found.push([clusters[at].index, clusters[last]?.index ?? text.length]);
    at = stop;
  }
  return found;
}

/**
 * How near a text is to the limit of one message; null where the channel has none.
 * @param {string} text @param {Limits} limits
 */
export function measure(text, limits) {
  if (!limits.text_bytes && !limits.text_chars) return null;
  const used = bytes(text);
  const share = Math.max(limits.text_bytes ? used / limits.text_bytes : 0, limits.text_chars ? chars(text) / limits.text_chars : 0);
  const byBytes = Boolean(limits.text_bytes) && used / (limits.text_bytes ?? 1) >= chars(text) / (limits.text_chars ?? Infinity);
  return { share, used: byBytes ? used : chars(text), most: byBytes ? limits.text_bytes : limits.text_chars, unit: byBytes ? "bytes" : "chars" };
}

/**
 * What is wrong with quick replies: each option's problem or "".
 * @param {string[]} options @param {Limits} limits @returns {string[]} "", "long", "double" or "many"
 */
export function optionProblems(options, limits) {
  return options.map((option, at) => {
    if (limits.options !== null && at >= limits.options) return "many";
    if (limits.option_chars !== null && chars(option.trim()) > limits.option_chars) return "long";
    return options.findIndex((o) => o.trim() === option.trim()) < at ? "double" : "";
  });
}

/**
 * Why a channel would not take a file: a text's key and its facts, or null.
 * @param {{type: string, size: number}} file @param {Limits} limits
 * @returns {{key: string, most?: number, kinds?: string}|null}
 */
export function fileProblem(file, limits) {
  if (!file.size) return { key: "file.empty" };
  const rules = limits.files;
  if (!Object.keys(rules).length) return null;
  const kind = file.type.split("/")[0];
  const rule = rules[kind] ?? rules.file;
  const kinds = Object.values(rules).flatMap((r) => r.extensions).join(", ");
  if (!rule) return { key: "file.kind", kinds };
  if (rule.mimes.length && !rule.mimes.includes(file.type)) return { key: "file.kind", kinds: rule.extensions.join(", ") || kinds };
  if (rule.bytes !== null && file.size > rule.bytes) return { key: "file.big", most: rule.bytes };
  return null;
}
