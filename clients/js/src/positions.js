/**
 * @file How far each conversation has been received: the memory behind `have`, order and "once".
 *
 * Promises: messages leave here in order of `seq` and each once; `have` never claims what was not received.
 * A receipt counts only when it is the next one, because the message before it may still be on its way to us.
 * Does not: ask the server for anything; it only says that there is a hole (`catch-up.js` fills it).
 */

import { bytesOf } from "./frames.js";

/**
 * @typedef {{conversation: string, seq: number, [field: string]: any}} Message
 *
 * @typedef {object} Place
 * @property {number | null} at received up to here; null as long as nothing was pushed
 * @property {number | null} base the end of a page read before anything was pushed: good enough to resume from
 * @property {number} target there is something up to here, as the server said
 * @property {Set<number>} receipts our own messages above `at`
 * @property {Map<number, Message>} held messages above a hole
 */

export class Positions {
  /** @param {{conversationsMax: number, heldMessagesMax: number, floatingReceiptsMax: number}} limits */
  constructor(limits) {
    this.#limits = limits;
  }

  #limits;
  /** Least recently used first. @type {Map<string, Place>} */
  #places = new Map();

  /** @param {Record<string, number>} have */
  restore(have) {
    for (const [conversation, seq] of Object.entries(have)) {
      if (Number.isSafeInteger(seq) && seq >= 0) this.#place(conversation).at = seq;
    }
  }

  /** @param {string} conversation */
  at(conversation) {
    return this.#places.get(conversation)?.at ?? null;
  }

  /**
   * What to resume from, the most recently used conversations first where not all fit.
   * @param {number} bytesMax
   * @returns {Record<string, number>}
   */
  have(bytesMax) {
    /** @type {Record<string, number>} */
    const have = {};
    let bytes = 0;
    for (const [conversation, place] of [...this.#places].reverse()) {
      const seq = place.at ?? place.base;
      if (seq === null) continue;
      bytes += bytesOf(conversation) + String(seq).length + '"":,'.length;
      if (bytes > bytesMax) break;
      have[conversation] = seq;
    }
    return have;
  }

  /**
   * A new session was asked to go on from `have`: pages read before are as good as pushes now.
   * @param {Record<string, number>} have
   */
  resumed(have) {
    for (const [conversation, seq] of Object.entries(have)) {
      const place = this.#place(conversation);
      place.at ??= seq;
    }
  }

  /**
   * A pushed message.
   * @param {Message} message
   * @returns {{deliver: Message[], hole: boolean}}
   */
  message(message) {
    const place = this.#place(message.conversation);
    // The first push: the server starts where we have read up to, so this is the next one; a page may know better.
    place.at ??= place.base !== null && place.base < message.seq ? place.base : message.seq - 1;
    if (message.seq <= place.at) return { deliver: [], hole: false };
    const isNext = message.seq === place.at + 1;
    if (isNext || place.held.size < this.#limits.heldMessagesMax) place.held.set(message.seq, message);
    place.target = Math.max(place.target, message.seq);
    return { deliver: this.#advance(place), hole: place.at < place.target };
  }

  /**
   * The receipt of an own send. Returns the messages that waited for it.
   * @param {string} conversation
   * @param {number} seq
   * @returns {Message[]}
   */
  receipt(conversation, seq) {
    const place = this.#place(conversation);
    if (place.at === null && seq === 1) place.at = 0;
    if (place.at === null && place.base === seq - 1) place.base = seq;
    if (seq <= (place.at ?? 0)) return [];
    place.receipts.add(seq);
    if (place.receipts.size > this.#limits.floatingReceiptsMax) {
      // The oldest goes; if its place turns out to be a hole, the history has the message.
      place.receipts.delete(/** @type {number} */ (place.receipts.values().next().value));
    }
    return place.at === null ? [] : this.#advance(place);
  }

  /**
   * A page with the newest messages, which the application asked for.
   * @param {string} conversation
   * @param {Message[]} messages
   */
  newestPage(conversation, messages) {
    const last = messages.at(-1);
    if (last === undefined) return;
    const place = this.#place(conversation);
    if (place.at === null) place.base = Math.max(place.base ?? 0, last.seq);
  }

  /**
   * The session starts at `head` in a conversation that we hold nothing of, or there is more up to it in one that we know.
   * @param {string} conversation
   * @param {number} head
   * @returns {boolean} whether there is a hole to fill
   */
  head(conversation, head) {
    const place = this.#place(conversation);
    // Where we have only sent so far, what came after our first message was missed, and not just unread from before.
    place.at ??= place.receipts.size > 0 ? Math.min(...place.receipts) - 1 : head;
    this.#advance(place);
    place.target = Math.max(place.target, head);
    return place.at < place.target;
  }

  /**
   * Too much was missed to be pushed.
   * @param {string} conversation
   * @param {number} after
   * @param {number} head
   * @param {boolean} skip the application reads it, or does not: go on after `head`
   * @returns {{forget: boolean, deliver: Message[]}} `forget`: everything held of the conversation is void
   */
  behind(conversation, after, head, skip) {
    const place = this.#place(conversation);
    const forget = place.at !== null && after < place.at;
    if (forget) {
      place.held.clear();
      place.receipts.clear();
      place.base = null;
    }
    place.at = skip ? head : after;
    place.target = Math.max(head, ...place.held.keys());
    return { forget, deliver: this.#advance(place) };
  }

  /**
   * A page read to fill a hole, starting after `at`.
   * @param {string} conversation
   * @param {{messages: Message[], more: boolean}} page
   * @returns {Message[]} what can be delivered now
   */
  fill(conversation, page) {
    const place = this.#place(conversation);
    /** @type {Message[]} */
    const deliver = [];
    const before = place.at;
    for (const message of page.messages) {
      if (message.seq <= (place.at ?? -1)) continue;
      // A page has no holes of its own: what it jumps over is no longer there, or not for us to see.
      place.at = message.seq;
      place.held.delete(message.seq);
      if (!place.receipts.delete(message.seq)) deliver.push(message);
    }
    if (!page.more || place.at === before) this.#closeHole(place);
    return deliver.concat(this.#advance(place));
  }

  /** @param {string} conversation */
  hasHole(conversation) {
    const place = this.#places.get(conversation);
    return place !== undefined && place.at !== null && place.at < place.target;
  }

  /** @param {string} conversation */
  forget(conversation) {
    this.#places.delete(conversation);
  }

  /**
   * The store is another one: what it was not told of is void. The rest it answers with `behind`.
   * @param {Record<string, number>} have
   */
  forgetAllBut(have) {
    for (const conversation of [...this.#places.keys()]) {
      if (!Object.hasOwn(have, conversation)) this.#places.delete(conversation);
    }
  }

  /** The server keeps nothing. */
  clear() {
    this.#places.clear();
  }

  /** The connection is lost: what is held above a hole will be pushed again. */
  lost() {
    for (const place of this.#places.values()) {
      place.held.clear();
      place.target = 0;
    }
  }

  /**
   * The store has nothing more before what is held, or before the announced head.
   * @param {Place} place
   */
  #closeHole(place) {
    const next = Math.min(...place.held.keys());
    if (Number.isFinite(next)) place.at = Math.max(place.at ?? 0, next - 1);
    else place.target = Math.min(place.target, place.at ?? 0);
  }

  /**
   * @param {Place} place
   * @returns {Message[]}
   */
  #advance(place) {
    /** @type {Message[]} */
    const deliver = [];
    for (let next = /** @type {number} */ (place.at) + 1; ; next += 1) {
      const own = place.receipts.delete(next);
      const message = place.held.get(next);
      if (!own && message === undefined) return deliver;
      place.held.delete(next);
      // What a receipt has told already is not told again.
      if (!own && message !== undefined) deliver.push(message);
      place.at = next;
    }
  }

  /**
   * @param {string} conversation
   * @returns {Place}
   */
  #place(conversation) {
    const known = this.#places.get(conversation);
    const place = known ?? { at: null, base: null, target: 0, receipts: new Set(), held: new Map() };
    this.#places.delete(conversation);
    this.#places.set(conversation, place);
    if (this.#places.size > this.#limits.conversationsMax) {
      this.#places.delete(/** @type {string} */ (this.#places.keys().next().value));
    }
    return place;
  }
}
