/**
 * @file Renews the login before its token ends.
 *
 * Promises: one timer at most, and none without a connection.
 * Does not: reconnect; where no renewal succeeds, the server ends the session with 4005 and the next connection brings a new token.
 */

/** A renewal that failed is tried again after this. */
const RETRY_MS = 10_000;

export class Renewal {
  /**
   * @param {object} parts
   * @param {import("./login.js").Login} parts.login
   * @param {import("./clock.js").Clock} parts.clock
   * @param {{tokenRefreshMs: number}} parts.limits
   * @param {(hello: {type: "hello", token: string}) => Promise<void>} parts.say
   * @param {(error: Error) => void} parts.failed
   */
  constructor(parts) {
    this.#parts = parts;
  }

  #parts;
  #isRunning = false;
  #serverAheadMs = 0;
  #cancel = () => {};

  /**
   * There is a connection; its server's clock says `serverNow`.
   * @param {number} serverNow
   */
  start(serverNow) {
    this.#isRunning = true;
    this.#serverAheadMs = serverNow - this.#parts.clock.now();
    this.plan();
  }

  /** The end of the token is known, or another one. */
  plan() {
    this.#cancel();
    if (!this.#isRunning) return;
    const { login, clock, limits } = this.#parts;
    const waitMs = login.renewInMs(clock.now() + this.#serverAheadMs, limits.tokenRefreshMs);
    if (waitMs !== null) this.#cancel = clock.after(waitMs, () => this.#renew());
  }

  /** The connection is lost. */
  stop() {
    this.#isRunning = false;
    this.#cancel();
  }

  async #renew() {
    const { login, clock, limits, say, failed } = this.#parts;
    if (!login.isDue(clock.now() + this.#serverAheadMs, limits.tokenRefreshMs)) {
      this.plan();
      return;
    }
    try {
      await login.fetchToken();
      const hello = login.renewal();
      if (this.#isRunning && hello !== null) await say(hello);
    } catch (error) {
      if (this.#isRunning) this.#cancel = clock.after(RETRY_MS, () => this.#renew());
      failed(/** @type {Error} */ (error));
    }
  }
}
