/**
 * What the API says, as the panel holds it. The only place that knows the API's names: where they change, this changes.
 *
 * @typedef {{id: string, url: string, big: string, name: string, mime: string, size: number, width: number, height: number, message?: string}} File_
 * @typedef {{id: string, at: string, kind: string, text: string, author: string, desk: string, files: number}} Last
 * `unread` is -1 where it is not said: the feed tells everybody the same, and what is unread is each person's own.
 * @typedef {{
 *   number: number, channel: string, kind: string, name: string, username: string, avatar: string, last: Last, unread: number,
 *   waiting_since: string, state: "open"|"snoozed"|"closed", snoozed_until: string, assignee: string, labels: string[], failed: number,
 *   last_answer: string, closed_by: string, reply_until: string, comment_until: string, held: {count: number, since: string}|null, version: number, at: string,
 * }} Row
 * @typedef {{
 *   id: string, at: string, kind: string, author: string, desk: string, text: string, files: File_[], options: string[], state: string,
 *   reason: string, post: string, parts: number, client_id: string, version: number, delivery: string,
 * }} Message
 */

/** @param {any} raw @returns {Row} */
export function row(raw) {
  const contact = raw.contact ?? {};
  const last = raw.last ?? raw.last_message ?? {};
  return {
    number: raw.number,
    channel: raw.channel ?? "",
    kind: raw.channel_kind ?? "",
    name: contact.name || contact.username || `#${raw.number}`,
    username: contact.username ?? "",
    avatar: contact.avatar ?? "",
    last: {
      id: last.id ?? "", at: last.at ?? raw.last_at ?? raw.first_seen ?? "", kind: last.kind ?? "message", text: last.text ?? "",
      author: last.author ?? "", desk: last.desk ?? "", files: typeof last.files === "number" ? last.files : (last.attachments ?? []).length,
    },
    unread: raw.unread ?? -1,
    waiting_since: raw.waiting_since ?? "",
    state: raw.state ?? "open",
    snoozed_until: raw.snoozed_until ?? "",
    assignee: raw.assignee ?? "",
    labels: raw.labels ?? [],
    failed: Number(raw.failed ?? 0),
    last_answer: raw.last_answer ?? "",
    closed_by: raw.closed_by ?? "",
    reply_until: raw.reply_until ?? "",
    comment_until: raw.comment_until ?? "",
    held: raw.held ?? null,
    version: raw.version ?? 0,
    at: raw.at ?? "",
  };
}

/** @param {any} raw @returns {File_} */
export function file(raw) {
  const url = raw.url ?? raw.href ?? "";
  return {
    id: raw.id ?? url, url, big: raw.big ?? url, name: raw.name ?? raw.filename ?? "", mime: raw.mime ?? raw.mime_type ?? "",
    size: raw.size ?? 0, width: raw.width ?? 0, height: raw.height ?? 0, message: raw.message,
  };
}

/** @param {any} raw @returns {Message} */
export function message(raw) {
  return {
    id: raw.id,
    at: raw.at,
    kind: raw.kind,
    author: raw.author ?? "",
    desk: raw.desk ?? "",
    text: raw.text ?? "",
    files: (raw.attachments ?? raw.files ?? []).map(file),
    options: raw.options ?? [],
    state: raw.state ?? "",
    reason: raw.reason ?? "",
    post: raw.comment?.url ?? "",
    parts: typeof raw.parts === "number" ? raw.parts : (raw.parts ?? []).length || 1,
    client_id: raw.client_id ?? "",
    version: raw.version ?? 0,
    delivery: raw.delivery ?? "",
  };
}

/** Which of two versions of a thing is the newer one. @param {{version: number}} had @param {{version: number}} came */
export const isOlder = (had, came) => came.version !== 0 && came.version < had.version;

/** What kind of file it is, by its type. @param {File_} of */
export function fileKind(of) {
  const kind = of.mime.split("/")[0];
  return kind === "image" || kind === "video" || kind === "audio" ? kind : "file";
}
