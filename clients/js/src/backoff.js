/**
 * @file How long to wait before the next attempt to connect.
 *
 * Promises: the range grows with each failure up to a maximum, and thousands of clients that lost one server spread over it.
 * Does not: hold a timer.
 */

/** The smallest part of the range that is waited: an attempt at once, by many, is what this file is there to prevent. */
const RANGE_FLOOR = 0.2;

export class Backoff {
  /**
   * @param {{backoffFirstMs: number, backoffMaxMs: number}} limits
   * @param {() => number} random from 0 to 1
   */
  constructor(limits, random) {
    this.#limits = limits;
    this.#random = random;
  }

  #limits;
  #random;
  #attempts = 0;

  /** Attempts since the last good connection. */
  get attempts() {
    return this.#attempts;
  }

  /** The wait before the next attempt, in milliseconds. */
  next() {
    const { backoffFirstMs, backoffMaxMs } = this.#limits;
    const range = Math.min(backoffMaxMs, backoffFirstMs * 2 ** Math.min(this.#attempts, 30));
    this.#attempts += 1;
    return Math.round(range * (RANGE_FLOOR + (1 - RANGE_FLOOR) * this.#random()));
  }

  /** The connection was a good one. */
  reset() {
    this.#attempts = 0;
  }
}
