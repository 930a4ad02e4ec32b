/**
 * @file Sends that have no answer yet.
 *
 * Promises: they go out in the order they came, under the id and with the bytes of their first attempt, on however many connections it takes; each ends as
 * a receipt or a `Fault`. By default one send of a conversation is under way at a time, so that a refused one is not overtaken by its successor.
 * Does not: write to a socket, nor know the time; the client asks what is due and says what was written.
 */

import { Fault } from "./fault.js";

/**
 * @typedef {object} Send
 * @property {string} id
 * @property {string} text the frame, byte for byte
 * @property {string} conversation
 * @property {number} at when the application sent it
 * @property {number} attempts refusals so far
 * @property {boolean} underWay written to the present connection, and unanswered
 * @property {number} notBefore
 * @property {number} pings pings of the connection before it was written
 * @property {((receipt: any) => void) | null} resolve null for one of an earlier life of the page
 * @property {((fault: Fault) => void) | null} reject
 */

export class Outbox {
  /** @param {{outboxSendsMax: number, sendLifeMs: number, sendAttemptsMax: number, sendsInFlightMax: number, sendsInFlightPerConversationMax: number}} limits */
  constructor(limits) {
    this.#limits = limits;
  }

  #limits;
  /** In order of `add`. @type {Map<string, Send>} */
  #sends = new Map();

  get size() {
    return this.#sends.size;
  }

  /**
   * @param {{id: string, text: string, conversation: string, at: number}} send
   * @param {((receipt: any) => void) | null} resolve
   * @param {((fault: Fault) => void) | null} reject
   * @throws {Fault} `queue_full`, `bad_argument`
   */
  add(send, resolve, reject) {
    if (this.#sends.size >= this.#limits.outboxSendsMax) {
      throw new Fault("queue_full", `${this.#sends.size} sends wait for an answer already`);
    }
    if (this.#sends.has(send.id)) throw new Fault("bad_argument", `a send with id ${send.id} waits for its answer already`);
    this.#sends.set(send.id, { ...send, attempts: 0, underWay: false, notBefore: 0, pings: 0, resolve, reject });
  }

  /**
   * Sends of an earlier life of the page: they come before everything else, and nobody awaits them.
   * @param {{id: string, text: string, conversation: string, at: number}[]} sends
   */
  restore(sends) {
    const later = this.#sends;
    this.#sends = new Map();
    for (const send of sends.slice(0, this.#limits.outboxSendsMax)) {
      if (!later.has(send.id)) this.add(send, null, null);
    }
    for (const [id, send] of later) this.#sends.set(id, send);
  }

  /**
   * What may be written now, in order. Take one, write it, say so with `written`, take the next.
   * @param {number} now
   * @returns {Generator<Send, void, void>}
   */
  *due(now) {
    const { sendsInFlightMax, sendsInFlightPerConversationMax } = this.#limits;
    /** Conversations in which nothing later may go out before what waits. @type {Set<string>} */
    const shut = new Set();
    /** @type {Map<string, number>} */
    const underWay = new Map();
    let underWayAll = 0;
    for (const send of [...this.#sends.values()]) {
      if (send.underWay) {
        const count = (underWay.get(send.conversation) ?? 0) + 1;
        underWay.set(send.conversation, count);
        underWayAll += 1;
        if (count >= sendsInFlightPerConversationMax) shut.add(send.conversation);
        continue;
      }
      if (underWayAll >= sendsInFlightMax) return;
      if (shut.has(send.conversation)) continue;
      if (send.notBefore > now) {
        shut.add(send.conversation);
        continue;
      }
      yield send;
      if (!send.underWay) return;
      const count = (underWay.get(send.conversation) ?? 0) + 1;
      underWay.set(send.conversation, count);
      underWayAll += 1;
      if (count >= sendsInFlightPerConversationMax) shut.add(send.conversation);
    }
  }

  /**
   * Milliseconds until a refused send may be tried again, or null when none waits for that.
   * @param {number} now
   */
  retryInMs(now) {
    let first = Infinity;
    for (const send of this.#sends.values()) {
      if (!send.underWay && send.notBefore > now) first = Math.min(first, send.notBefore);
    }
    return Number.isFinite(first) ? first - now : null;
  }

  /**
   * @param {Send} send
   * @param {number} pings
   */
  written(send, pings) {
    send.underWay = true;
    send.pings = pings;
  }

  /** @param {string} id */
  has(id) {
    return this.#sends.has(id);
  }

  /**
   * Whether a send of `conversation` is under way.
   * @param {string} conversation
   */
  awaitsReceipt(conversation) {
    for (const send of this.#sends.values()) {
      if (send.underWay && send.conversation === conversation) return true;
    }
    return false;
  }

  /**
   * @param {string} id
   * @param {object} receipt
   * @returns {boolean} whether `id` waited here
   */
  answered(id, receipt) {
    const send = this.#sends.get(id);
    if (send === undefined) return false;
    this.#sends.delete(id);
    send.resolve?.(receipt);
    return true;
  }

  /**
   * The server refused it: for good, or until `retryMs` from now.
   * @param {string} id
   * @param {Fault} fault
   * @param {number} now
   * @returns {"unknown" | "again" | "failed"}
   */
  refused(id, fault, now) {
    const send = this.#sends.get(id);
    if (send === undefined) return "unknown";
    send.attempts += 1;
    if (fault.retryMs === null || send.attempts >= this.#limits.sendAttemptsMax) {
      this.#fail(send, fault);
      return "failed";
    }
    send.underWay = false;
    send.notBefore = now + fault.retryMs;
    return "again";
  }

  /**
   * A pong answered ping number `pings`: what was written before that ping should have been answered too.
   * @param {number} pings
   * @returns {string[]} the ids of those that were not
   */
  unansweredBefore(pings) {
    return [...this.#sends.values()].filter((send) => send.underWay && send.pings < pings).map((send) => send.id);
  }

  /** The connection is lost: what was under way goes out again. */
  lost() {
    for (const send of this.#sends.values()) {
      send.underWay = false;
      send.notBefore = 0;
    }
  }

  /** The server closed because of what we wrote: the oldest unanswered send is the one that is not repeated. @param {Fault} fault */
  failOldestUnderWay(fault) {
    for (const send of this.#sends.values()) {
      if (!send.underWay) continue;
      this.#fail(send, fault);
      return;
    }
  }

  /**
   * Fails what is older than the server remembers ids.
   * @param {number} now
   */
  failExpired(now) {
    for (const send of this.#sends.values()) {
      if (now - send.at <= this.#limits.sendLifeMs) return;
      this.#fail(send, new Fault("expired", "it waited longer than the server remembers its id"));
    }
  }

  /** @param {Fault} fault */
  failAll(fault) {
    for (const send of [...this.#sends.values()]) this.#fail(send, fault);
  }

  /** What a later life of the page needs to send them. */
  unsent() {
    return [...this.#sends.values()].map(({ id, text, conversation, at }) => ({ id, text, conversation, at }));
  }

  /**
   * @param {Send} send
   * @param {Fault} fault
   */
  #fail(send, fault) {
    this.#sends.delete(send.id);
    send.reject?.(fault);
  }
}
