import { html } from "./lib.js";

const segments = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** The first letters of a name: at most two, whole characters, no punctuation. @param {string} name */
export function initials(name) {
  const words = name.split(/[\s._-]+/).filter((word) => /[\p{L}\p{N}\p{Extended_Pictographic}]/u.test(word));
  const chosen = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return chosen
    .map((word) => [...segments.segment(word.replace(/^[^\p{L}\p{N}\p{Extended_Pictographic}]+/u, ""))][0]?.segment ?? "")
    .filter((letter, at, all) => at === 0 || !/\p{Extended_Pictographic}/u.test(letter) || all.length === 1)
    .join("")
    .toLocaleUpperCase();
}

/** A number from 0 to 11 that stays with a name. @param {string} key */
export function hue(key) {
  let sum = 0;
  for (const unit of key) sum = (sum * 31 + (unit.codePointAt(0) ?? 0)) >>> 0;
  return sum % 12;
}

/** A face: the picture, or initials in a colour that stays. @param {{name: string, id: string|number, src?: string|null, size?: string}} props */
export function Avatar({ name, id, src, size }) {
  const look = `avatar hue-${hue(String(id))}${size ? ` ${size}` : ""}`;
  return html`<span class=${look} aria-hidden="true">${src ? html`<img src=${src} alt="" loading="lazy" />` : initials(name) || "?"}</span>`;
}
