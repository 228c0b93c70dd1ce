/** Texts in the person's language: t("files", {count: 3}). A text is a string, or its plural forms by Intl.PluralRules. */

export const locale = document.documentElement.lang === "ru" ? "ru" : "en";

/** @type {Record<string, string | Record<string, string>>} */
const texts = {};
const plurals = new Intl.PluralRules(locale);
const numbers = new Intl.NumberFormat(locale);

/** Take in a catalogue: a module whose default export is a map of texts. @param {Record<string, any>} catalogue */
export function addTexts(catalogue) {
  Object.assign(texts, catalogue);
}

/**
 * One text. A key that is missing is shown as it is: a test looks for such keys.
 * @param {string} key
 * @param {Record<string, string|number>} [facts]
 */
export function t(key, facts = {}) {
  let text = texts[key];
  if (text === undefined) return key;
  if (typeof text !== "string") text = text[plurals.select(Number(facts.count))] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const fact = facts[name];
    if (fact === undefined) return whole;
    return typeof fact === "number" ? numbers.format(fact) : fact;
  });
}

/** 1234567 bytes -> "1.2 MB". @param {number} bytes */
export function size(bytes) {
  const units = locale === "ru" ? ["байт", "КБ", "МБ", "ГБ"] : ["bytes", "KB", "MB", "GB"];
  let at = 0;
  let value = bytes;
  while (value >= 1000 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return `${new Intl.NumberFormat(locale, { maximumFractionDigits: value < 10 && at ? 1 : 0 }).format(value)} ${units[at]}`;
}
