/** The messages of each conversation. One object per conversation for as long as the page lives: views only draw it. */
import { batch, signal } from "../../ui/lib.js";
import { ask, query } from "../../ui/api.js";
import { isOlder, message as asMessage } from "./shapes.js";

/**
 * @typedef {import("./shapes.js").Message} Message
 * @typedef {{client_id: string, kind: "answer"|"note", text: string, options: string[], files: import("./shapes.js").File_[], at: string,
 *   status: "sending"|"waiting"|"failed"|"unsent", problem: string, tries: number, force: boolean}} Pending
 */

const PAGE = 50;
const MOST = 300;

/** @type {Map<number, Conversation>} */
const all = new Map();

/** @param {number} number @returns {Conversation} */
export function conversation(number) {
  let one = all.get(number);
  if (!one) all.set(number, (one = new Conversation(number)));
  return one;
}

/** @returns {Iterable<Conversation>} */
export const conversations = () => all.values();

/** By time, then by id: the order of the store. @param {Message} a @param {Message} b */
const order = (a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

export class Conversation {
  /** @param {number} number */
  constructor(number) {
    this.number = number;
    /** @type {import("../../ui/lib.js").Signal<Message[]>} */
    this.messages = signal([]);
    /** @type {import("../../ui/lib.js").Signal<Pending[]>} what is not sent yet */
    this.pending = signal([]);
    /** @type {import("../../ui/lib.js").Signal<{loaded: boolean, loading: boolean, error: Error|null, older: boolean, newer: boolean}>} */
    this.page = signal({ loaded: false, loading: false, error: null, older: false, newer: false });
    /** Messages that came while an older stretch is shown. */
    this.unseen = signal(0);
    /** Where the reader left, to come back to. */
    this.place = { stuck: true, id: "", offset: 0 };
    this.drafts = { answer: signal(""), note: signal("") };
    this.draftsRead = false;
    /** @type {import("../../ui/lib.js").Signal<"answer"|"note">} */
    this.mode = signal("answer");
    /** @type {import("../../ui/lib.js").Signal<import("./uploads.js").Upload[]>} */
    this.uploads = signal([]);
    /** @type {import("../../ui/lib.js").Signal<string[]|null>} quick replies being written; null: none */
    this.options = signal(null);
    this.sending = Promise.resolve();
  }

  /** Id of the newest answer that is shown: what the writer knows of. */
  get lastAnswer() {
    const { newer } = this.page.value;
    if (newer) return "";
    return this.messages.value.findLast((m) => m.kind === "answer")?.id ?? "";
  }

  /** Read the newest messages, or those around one. @param {string} [around] */
  async load(around = "") {
    this.page.value = { ...this.page.value, loading: true, error: null };
    try {
      const answer = await ask("GET", `/conversations/${this.number}/messages${query({ limit: PAGE, around })}`);
      batch(() => {
        this.messages.value = answer.items.map(asMessage).sort(order);
        this.unseen.value = 0;
        this.page.value = { loaded: true, loading: false, error: null, older: Boolean(answer.next), newer: Boolean(answer.previous) };
        this.settle();
      });
    } catch (error) {
      this.page.value = { ...this.page.value, loading: false, error: /** @type {Error} */ (error) };
    }
  }

  async loadOlder() {
    const { older, loading, loaded } = this.page.value;
    if (!older || loading || !loaded) return;
    await this.extend({ before: this.messages.value[0]?.id }, (known, found) => {
      const joined = [...found, ...known];
      return { joined: joined.slice(0, MOST), cut: joined.length > MOST };
    }, (answer, cut) => ({ older: Boolean(answer.next), newer: this.page.value.newer || cut }));
  }

  async loadNewer() {
    const { newer, loading } = this.page.value;
    if (!newer || loading) return;
    await this.extend({ after: this.messages.value.at(-1)?.id }, (known, found) => {
      const joined = [...known, ...found];
      return { joined: joined.slice(-MOST), cut: joined.length > MOST };
    }, (answer, cut) => ({ older: this.page.value.older || cut, newer: Boolean(answer.previous) }));
  }

  /**
   * @param {Record<string, string|undefined>} where
   * @param {(known: Message[], found: Message[]) => {joined: Message[], cut: boolean}} join
   * @param {(answer: any, cut: boolean) => {older: boolean, newer: boolean}} ends
   */
  async extend(where, join, ends) {
    this.page.value = { ...this.page.value, loading: true, error: null };
    try {
      const answer = await ask("GET", `/conversations/${this.number}/messages${query({ limit: PAGE, ...where })}`);
      batch(() => {
        const have = new Set(this.messages.value.map((m) => m.id));
        const found = answer.items.map(asMessage).filter((/** @type {Message} */ m) => !have.has(m.id));
        const { joined, cut } = join(this.messages.value, found.sort(order));
        this.messages.value = joined;
        this.page.value = { ...this.page.value, loading: false, ...ends(answer, cut) };
        if (!this.page.value.newer) this.unseen.value = 0;
      });
    } catch (error) {
      this.page.value = { ...this.page.value, loading: false, error: /** @type {Error} */ (error) };
    }
  }

  /** A message as it is now: put where it belongs, or made newer. @param {any} raw */
  take(raw) {
    const one = asMessage(raw);
    const known = this.messages.value;
    const at = known.findIndex((m) => m.id === one.id);
    if (at >= 0) {
      if (isOlder(known[at], one)) return;
      this.messages.value = known.with(at, one);
    } else if (this.page.value.loaded) {
      const last = known.at(-1);
      if (last && order(one, last) > 0 && this.page.value.newer) {
        this.unseen.value += 1;
      } else if (!(known.length && this.page.value.older && order(one, known[0]) < 0)) {
        let to = known.length;
        while (to > 0 && order(known[to - 1], one) > 0) to -= 1;
        const joined = [...known.slice(0, to), one, ...known.slice(to)];
        if (joined.length > MOST && this.place.stuck) {
          joined.splice(0, joined.length - MOST);
          this.page.value = { ...this.page.value, older: true };
        }
        this.messages.value = joined;
      }
    }
    this.settle();
  }

  /** What has arrived is no longer pending. */
  settle() {
    if (!this.pending.value.length) return;
    const arrived = new Set(this.messages.value.map((m) => m.client_id).filter(Boolean));
    const left = this.pending.value.filter((p) => !arrived.has(p.client_id));
    if (left.length !== this.pending.value.length) this.pending.value = left;
  }

  /** What was read may be old: read it again when it is next looked at. */
  forget() {
    this.page.value = { ...this.page.value, loaded: false };
  }
}
