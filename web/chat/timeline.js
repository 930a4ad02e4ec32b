/**
 * @file The messages of one conversation, as far as this page has them.
 *
 * Promises: ascending, each once, without holes between the first and the last that are here; own messages that have no receipt yet stand at the end.
 * Does not: fetch, or draw.
 */

/** Messages kept of one conversation; the oldest go first, and come back when somebody scrolls up. */
export const KEPT_MAX = 2_000;

/**
 * @typedef {object} Kept
 * @property {number} place `seq`, or a number of our own where the server keeps nothing
 * @property {number | null} seq
 * @property {string | null} from
 * @property {unknown} content
 * @property {number} time
 * @property {string | null} id of an own send
 * @property {string | null} reach with `store: none`
 *
 * @typedef {object} Draft
 * @property {string} id
 * @property {unknown} content
 * @property {number} time
 * @property {import("../client/index.js").Fault | null} fault why it was not sent
 *
 * @typedef {{place: number, who: string, what: "joined" | "left", time: number}} Note
 */

export class Timeline {
  /** @type {Kept[]} */
  #kept = [];
  /** @type {Draft[]} */
  #drafts = [];
  /** @type {Note[]} */
  #notes = [];
  /** Whether the newest page has been read. */
  isLoaded = false;
  hasOlder = true;

  get kept() {
    return this.#kept;
  }

  get drafts() {
    return this.#drafts;
  }

  get notes() {
    return this.#notes;
  }

  get first() {
    return this.#kept[0] ?? null;
  }

  get last() {
    return this.#kept.at(-1) ?? null;
  }

  /**
   * A pushed message.
   * @param {any} message
   * @returns {boolean} whether it is new here
   */
  take(message) {
    if (message.id !== undefined) this.#drafts = this.#drafts.filter((draft) => draft.id !== message.id);
    const kept = this.#keptFrom(message);
    if (!this.#insert(kept)) return false;
    this.#trim();
    return true;
  }

  /**
   * A page of the history. Where it does not touch what is here, it replaces it: no holes.
   * @param {{messages: any[], more: boolean}} page
   * @param {"newest" | "older"} kind
   */
  takePage({ messages, more }, kind) {
    const first = messages[0]?.seq ?? 0;
    if (kind === "newest" && this.last !== null && this.last.place < first - 1) this.#kept = [];
    for (const message of messages) {
      if (message.id !== undefined) this.#drafts = this.#drafts.filter((draft) => draft.id !== message.id);
      this.#insert(this.#keptFrom(message));
    }
    this.isLoaded = true;
    if (kind === "older" || this.first?.place === first || messages.length === 0) this.hasOlder = more;
  }

  /**
   * An own message that has no receipt yet.
   * @param {{id: string, content: unknown, time: number}} draft
   */
  draft(draft) {
    this.discard(draft.id);
    this.#drafts.push({ ...draft, fault: null });
  }

  /**
   * @param {any} receipt
   * @param {string} from
   * @returns {Kept | null} the message, where the draft was here
   */
  receipt(receipt, from) {
    const draft = this.#drafts.find(({ id }) => id === receipt.id);
    if (draft === undefined) return null;
    this.discard(draft.id);
    const kept = this.#keptFrom({ ...receipt, from, content: draft.content });
    this.#insert(kept);
    this.#trim();
    return kept;
  }

  /**
   * @param {string} id
   * @param {import("../client/index.js").Fault} fault
   */
  refuse(id, fault) {
    const draft = this.#drafts.find((it) => it.id === id);
    if (draft !== undefined) draft.fault = fault;
  }

  /** @param {string} id */
  discard(id) {
    this.#drafts = this.#drafts.filter((draft) => draft.id !== id);
  }

  /**
   * Somebody came or went.
   * @param {string} who
   * @param {"joined" | "left"} what
   * @param {number} time
   */
  note(who, what, time) {
    this.#notes.push({ place: this.last?.place ?? 0, who, what, time });
  }

  /** What is here is void, or too far from what comes next. */
  clear() {
    this.#kept = [];
    this.#notes = [];
    this.isLoaded = false;
    this.hasOlder = true;
  }

  /**
   * @param {any} message
   * @returns {Kept}
   */
  #keptFrom({ seq, from, content, time, id, reach }) {
    const place = seq ?? (this.last?.place ?? 0) + 1;
    return { place, seq: seq ?? null, from: from ?? null, content, time, id: id ?? null, reach: reach ?? null };
  }

  /** @param {Kept} kept */
  #insert(kept) {
    let index = this.#kept.length;
    while (index > 0 && this.#kept[index - 1].place > kept.place) index -= 1;
    if (index > 0 && this.#kept[index - 1].place === kept.place) return false;
    this.#kept.splice(index, 0, kept);
    return true;
  }

  #trim() {
    if (this.#kept.length <= KEPT_MAX) return;
    this.#kept = this.#kept.slice(-KEPT_MAX);
    this.hasOlder = true;
  }
}
