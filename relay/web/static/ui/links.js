import { html } from "./lib.js";

const ADDRESS = /\bhttps?:\/\/[^\s<>"'`]+[^\s<>"'`.,;:!?)\]}»”]/gi;

/**
 * A stranger's text: its http addresses become links, the marked places are marked, all else is text.
 * @param {string} text
 * @param {[number, number][]} [marks] from, to in UTF-16 units
 */
export function linked(text, marks = []) {
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(ADDRESS)) {
    if (found.index > at) parts.push(...marked(text, at, found.index, marks));
    const end = found.index + found[0].length;
    parts.push(html`<a href=${found[0]} target="_blank" rel="noopener noreferrer nofollow">${marked(text, found.index, end, marks)}</a>`);
    at = end;
  }
  parts.push(...marked(text, at, text.length, marks));
  return parts;
}

/** @param {string} text @param {number} from @param {number} to @param {[number, number][]} marks */
function marked(text, from, to, marks) {
  const parts = [];
  let at = from;
  for (const [begin, end] of marks) {
    const a = Math.max(begin, at);
    const b = Math.min(end, to);
    if (b <= a) continue;
    if (a > at) parts.push(text.slice(at, a));
    parts.push(html`<mark>${text.slice(a, b)}</mark>`);
    at = b;
  }
  if (at < to) parts.push(text.slice(at, to));
  return parts;
}

/** Text with its marked places, without links: for where the whole is a link already. @param {string} text @param {[number, number][]} marks */
export const highlighted = (text, marks) => marked(text, 0, text.length, marks);
