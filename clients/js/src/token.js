/**
 * @file The token: where it comes from, and when it ends.
 *
 * Promises: a token that comes from a function is fetched anew for every connection, and before the present one ends.
 * Does not: check a token; the end is read from it only to be early.
 */

/** Subprotocol names may hold only these (RFC 6455 takes them from RFC 9110's `token`). */
const SUBPROTOCOL = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

export class Token {
  /** @param {string | (() => string | Promise<string>) | undefined} source */
  constructor(source) {
    this.#source = source;
  }

  #source;

  /** Whether another one can be had. */
  get renews() {
    return typeof this.#source === "function";
  }

  /** @returns {Promise<string | null>} */
  async fetch() {
    const token = typeof this.#source === "function" ? await this.#source() : this.#source;
    return token ?? null;
  }
}

/**
 * Whether `token` can travel as the subprotocol `bearer.<token>`; otherwise it goes in `hello`.
 * @param {string} token
 */
export function fitsSubprotocol(token) {
  return SUBPROTOCOL.test(token);
}

/**
 * When a JSON Web Token ends, in milliseconds since 1970; null where it does not say or is something else.
 * @param {string} token
 * @returns {number | null}
 */
export function expiryOf(token) {
  const payload = token.split(".")[1];
  if (payload === undefined) return null;
  try {
    const { exp } = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
    return typeof exp === "number" ? exp * 1000 : null;
  } catch {
    return null;
  }
}
