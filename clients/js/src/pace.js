/**
 * @file How fast sends go out: a bucket that the server's own limit never has to empty.
 *
 * Promises: at most `burst` at once and `perSecond` in the long run; slower after the server has refused one, and slowly faster again.
 * Does not: queue anything; who finds it closed asks `waitMs` and comes back.
 */

/** The slowest pace after refusals, in sends a second. */
const PER_SECOND_MIN = 1;
/** Answered sends after which a reduced pace is raised. */
const RAISE_AFTER = 20;
const RAISE_BY = 1.25;

export class Pace {
  /**
   * @param {{sendsPerSecond: number, sendsBurst: number}} limits `sendsPerSecond` 0 switches the pace off
   */
  constructor(limits) {
    this.#limits = limits;
    this.#perSecond = limits.sendsPerSecond;
    this.#left = limits.sendsBurst;
  }

  #limits;
  #perSecond;
  #left;
  #filledAt = 0;
  #pausedUntil = 0;
  #answered = 0;

  /**
   * Milliseconds until one more may go out; 0 = now.
   * @param {number} now
   */
  waitMs(now) {
    if (now < this.#pausedUntil) return this.#pausedUntil - now;
    if (this.#limits.sendsPerSecond === 0) return 0;
    this.#fill(now);
    return this.#left >= 1 ? 0 : Math.ceil(((1 - this.#left) * 1000) / this.#perSecond);
  }

  /** One goes out. */
  take() {
    this.#left -= 1;
  }

  /**
   * A fresh session: the server's bucket is full again.
   * @param {number} now
   */
  renew(now) {
    this.#left = this.#limits.sendsBurst;
    this.#filledAt = now;
    this.#pausedUntil = 0;
  }

  /**
   * The server refused one for its rate.
   * @param {number} now
   * @param {number} retryMs
   */
  refused(now, retryMs) {
    this.#pausedUntil = Math.max(this.#pausedUntil, now + retryMs);
    this.#perSecond = Math.max(PER_SECOND_MIN, this.#perSecond / 2);
    this.#left = 0;
    this.#answered = 0;
  }

  /** The server took one. */
  accepted() {
    this.#answered += 1;
    if (this.#answered < RAISE_AFTER) return;
    this.#answered = 0;
    this.#perSecond = Math.min(this.#limits.sendsPerSecond, this.#perSecond * RAISE_BY);
  }

  /** @param {number} now */
  #fill(now) {
    const gained = (Math.max(0, now - this.#filledAt) * this.#perSecond) / 1000;
    this.#left = Math.min(this.#limits.sendsBurst, this.#left + gained);
    this.#filledAt = now;
  }
}
