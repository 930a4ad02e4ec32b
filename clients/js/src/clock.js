/**
 * @file Time, as the client sees it, so that a test can bring its own.
 *
 * Promises: all waiting of this package goes through one of these.
 * Does not: measure anything finer than a person notices.
 */

export class Clock {
  /** @param {{now?: () => number, setTimeout?: Function, clearTimeout?: Function}} [timers] */
  constructor(timers = {}) {
    this.#now = timers.now ?? (() => Date.now());
    // Browsers insist on being called as a method of the window.
    this.#set = timers.setTimeout ?? ((/** @type {any[]} */ ...args) => globalThis.setTimeout(.../** @type {[any]} */ (args)));
    this.#clear = timers.clearTimeout ?? ((/** @type {any} */ timer) => globalThis.clearTimeout(timer));
  }

  #now;
  #set;
  #clear;

  /** Milliseconds since 1970. @returns {number} */
  now() {
    return this.#now();
  }

  /**
   * Calls `action` once, after `ms`.
   * @param {number} ms
   * @param {() => void} action
   * @returns {() => void} cancels it
   */
  after(ms, action) {
    const timer = this.#set(action, Math.max(0, ms));
    return () => this.#clear(timer);
  }

  /**
   * @param {number} ms
   * @returns {Promise<void>}
   */
  sleep(ms) {
    return new Promise((resolve) => {
      this.after(ms, resolve);
    });
  }
}
