/** Which conversations belong in a list, and in which order: the server's rule, so that a change moves a row at once. Pure. */

/**
 * @typedef {import("./shapes.js").Row} Row
 * @typedef {import("./address.js").Filters} Filters
 */

/** @param {Row} row @param {Filters} filters @param {string} me */
export function matches(row, { tab, channel, label, assignee }, me) {
  if (channel && row.channel !== channel) return false;
  if (label && !row.labels.includes(label)) return false;
  if (assignee && row.assignee !== assignee) return false;
  switch (tab) {
    case "mine":
      return row.state === "open" && row.assignee === me;
    case "unassigned":
      return row.state === "open" && !row.assignee;
    case "waiting":
      return row.state === "open" && Boolean(row.waiting_since);
    case "failed":
      return row.failed > 0;
    default:
      return row.state === tab;
  }
}

/** @param {"newest"|"waiting"} order @returns {(a: Row, b: Row) => number} */
export function comparing(order) {
  if (order === "waiting") {
    return (a, b) => {
      if (!a.waiting_since !== !b.waiting_since) return a.waiting_since ? -1 : 1;
      const [x, y] = [a.waiting_since ?? "", b.waiting_since ?? ""];
      return x < y ? -1 : x > y ? 1 : a.number - b.number;
    };
  }
  return (a, b) => (a.last.at < b.last.at ? 1 : a.last.at > b.last.at ? -1 : b.number - a.number);
}

/** The query of the API for a list. @param {Filters} filters */
export function asQuery({ tab, channel, label, assignee, order }) {
  const state = { mine: "open", unassigned: "open" }[/** @type {string} */ (tab)] ?? tab;
  const who = { mine: "me", unassigned: "none" }[/** @type {string} */ (tab)] ?? assignee;
  return { state, assignee: who, channel, label, order };
}
