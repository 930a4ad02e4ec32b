/**
 * @file What went wrong, in a form that a program can decide on.
 *
 * Promises: every rejected promise of this package is a `Fault` with a `code`; close codes are judged in one place.
 * Does not: translate; `reason` is for a log or a developer, a page finds its own words for the `code`.
 */

/**
 * A refused or failed request.
 *
 * `code` is one of the server's error codes (`forbidden`, `not_found`, `conflict`, `too_large`, ...) or one of the client's own:
 * `timeout` (no answer in time), `stopped` (the client was closed, or the server told it not to come back), `queue_full`, `expired` (older than the
 * server remembers ids), `unanswered` (the server lost it), `bad_argument`.
 */
export class Fault extends Error {
  /**
   * @param {string} code
   * @param {string} reason
   * @param {{retryMs?: number | null, closeCode?: number}} [more]
   */
  constructor(code, reason, more = {}) {
    super(`${code}: ${reason}`);
    this.name = "Fault";
    this.code = code;
    this.reason = reason;
    /** Set only when trying again can help. */
    this.retryMs = more.retryMs ?? null;
    /** The close code that ended the connection, where that is the cause. */
    this.closeCode = more.closeCode;
  }
}

/** Close codes with a meaning of their own for a client. */
export const CLOSE = Object.freeze({
  /** The application is done. */
  normal: 1000,
  /** A frame was not UTF-8. */
  badText: 1007,
  /** A frame was too long. */
  tooBig: 1009,
  /** We heard nothing for too long. */
  silent: 4002,
  /** The token ran out; come back with a new one. */
  tokenExpired: 4005,
  /** Another login took this user's place. */
  replaced: 4500,
  /** The token was refused. */
  badToken: 4501,
});

/**
 * Whether a connection that ended with `code` may be opened again: always, but for 4500 to 4599.
 * @param {number} code
 * @returns {boolean}
 */
export function mayReconnect(code) {
  return code < 4500 || code > 4599;
}
