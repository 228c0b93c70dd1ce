/** Small things a browser remembers for a person; where it may not, nothing breaks. */

/** @param {string} key @param {any} fallback */
export function recall(key, fallback) {
  try {
    const kept = localStorage.getItem(key);
    if (kept === null) return fallback;
    return typeof fallback === "string" ? kept : JSON.parse(kept);
  } catch {
    return fallback;
  }
}

/** @param {string} key @param {any} value */
export function remember(key, value) {
  try {
    localStorage.setItem(key, typeof value === "string" ? value : JSON.stringify(value));
  } catch {
    /* private window, or full */
  }
}
