/**
 * @file What the person has read, until the server certainly knows.
 *
 * Promises: a `read` is never lost with a connection: it is told again on the next one, unless a later pong showed that it had arrived.
 * Does not: go back; a lower `seq` than the last is nothing new.
 */

export class Reads {
  /** @param {{conversationsMax: number}} limits */
  constructor(limits) {
    this.#limits = limits;
  }

  #limits;
  /** @type {Map<string, number>} */
  #told = new Map();
  /** @type {Map<string, {seq: number, pings: number}>} */
  #uncertain = new Map();

  /**
   * @param {string} conversation
   * @param {number} seq
   * @param {number} pings pings of the connection so far
   * @returns {boolean} whether it is news
   */
  add(conversation, seq, pings) {
    if (seq <= (this.#told.get(conversation) ?? 0)) return false;
    this.#told.delete(conversation);
    this.#told.set(conversation, seq);
    this.#uncertain.set(conversation, { seq, pings });
    for (const map of [this.#told, this.#uncertain]) {
      if (map.size > this.#limits.conversationsMax) map.delete(/** @type {string} */ (map.keys().next().value));
    }
    return true;
  }

  /** A pong answered ping number `pings`. @param {number} pings */
  confirmed(pings) {
    for (const [conversation, read] of [...this.#uncertain]) {
      if (read.pings < pings) this.#uncertain.delete(conversation);
    }
  }

  /** What to tell a new connection. @returns {{conversation: string, seq: number}[]} */
  repeat() {
    return [...this.#uncertain].map(([conversation, read]) => {
      read.pings = 0;
      return { conversation, seq: read.seq };
    });
  }

  /** The messages are others now: lower numbers count again. @param {string} conversation */
  forget(conversation) {
    this.#told.delete(conversation);
    this.#uncertain.delete(conversation);
  }
}
