/**
 * @file Who we are, as the server wants to be told: address, subprotocols, `hello`.
 *
 * Promises: a token travels where it is not logged: as a subprotocol or in `hello`, never in the address.
 * Does not: connect.
 */

import { Fault } from "./fault.js";
import { bytesOf } from "./frames.js";
import { isDevice, isId } from "./ids.js";
import { Token, expiryOf, fitsSubprotocol } from "./token.js";

const SUBPROTOCOL = "trunkline.v1";
/** Room in a `hello` for everything but `have` and the token. */
const HELLO_BYTES = 512;
/** The longest time that is trusted to one timer; browsers count in 32 bits. */
const RENEWAL_WAIT_MAX_MS = 12 * 3_600_000;
/** The shortest time between two renewals, whatever the token says of its end. */
const RENEWAL_WAIT_MIN_MS = 1_000;

export class Login {
  /**
   * @param {{url: string | URL, user: string, device?: string, token?: string | (() => string | Promise<string>), tokenIn?: "subprotocol" | "hello"}} options
   * @throws {Fault} `bad_argument`
   */
  constructor({ url, user, device, token, tokenIn = "subprotocol" }) {
    if (!isId(user)) throw new Fault("bad_argument", "user must be 1 to 64 of A-Z a-z 0-9 . _ ~ @ -");
    if (device !== undefined && !isDevice(device)) throw new Fault("bad_argument", "device must be 1 to 32 of A-Z a-z 0-9 . _ ~ @ -");
    this.#address = addressFrom(url);
    this.#address.protocol = this.#address.protocol.replace(/^http/, "ws");
    this.#address.pathname = `${this.#address.pathname.replace(/\/$/, "")}/${encodeURIComponent(user)}`;
    if (device !== undefined) this.#address.searchParams.set("device", device);
    this.#source = new Token(token);
    this.#tokenIn = tokenIn;
  }

  #address;
  #source;
  #tokenIn;
  /** @type {string | null} */
  #token = null;
  /** @type {number | null} */
  #expiresAt = null;

  /** Gets a token where there is one to get. */
  async fetchToken() {
    this.#token = await this.#source.fetch();
    this.#expiresAt = this.#token === null ? null : expiryOf(this.#token);
  }

  /**
   * How to open the socket.
   * @param {boolean} resumes
   * @returns {{url: string, protocols: string[]}}
   */
  target(resumes) {
    const address = new URL(this.#address);
    if (resumes) address.searchParams.set("resume", "1");
    const bearer = this.#token !== null && !this.#tokenInHello ? [`bearer.${this.#token}`] : [];
    return { url: address.href, protocols: [SUBPROTOCOL, ...bearer] };
  }

  /**
   * The first frame of a connection, where one is needed.
   * @param {{epoch: string | null, have: Record<string, number>}} held
   * @returns {{type: "hello", token?: string, epoch?: string, have?: Record<string, number>} | null}
   */
  hello({ epoch, have }) {
    const resumes = Object.keys(have).length > 0;
    if (!resumes && !this.#tokenInHello) return null;
    return {
      type: "hello",
      ...(this.#tokenInHello && this.#token !== null ? { token: this.#token } : {}),
      ...(resumes && epoch !== null ? { epoch } : {}),
      ...(resumes ? { have } : {}),
    };
  }

  /**
   * Bytes that a `have` may take in a `hello`.
   * @param {number} frameBytesMax
   */
  haveBytesMax(frameBytesMax) {
    return frameBytesMax - HELLO_BYTES - (this.#token === null ? 0 : bytesOf(this.#token));
  }

  /**
   * The frame that renews the login with the token fetched last.
   * @returns {{type: "hello", token: string} | null}
   */
  renewal() {
    return this.#token === null ? null : { type: "hello", token: this.#token };
  }

  /**
   * The server has said when the login ends.
   * @param {number} expiresAt
   */
  expires(expiresAt) {
    this.#expiresAt = expiresAt;
  }

  /**
   * Milliseconds until the login should be renewed, or null when it need not or cannot be.
   * @param {number} serverNow
   * @param {number} tokenRefreshMs
   */
  renewInMs(serverNow, tokenRefreshMs) {
    if (!this.#source.renews || this.#expiresAt === null) return null;
    const wait = this.#expiresAt - tokenRefreshMs - serverNow;
    return Math.min(RENEWAL_WAIT_MAX_MS, Math.max(RENEWAL_WAIT_MIN_MS, wait));
  }

  /**
   * Whether the time to renew has come.
   * @param {number} serverNow
   * @param {number} tokenRefreshMs
   */
  isDue(serverNow, tokenRefreshMs) {
    return this.#expiresAt !== null && serverNow >= this.#expiresAt - tokenRefreshMs;
  }

  get #tokenInHello() {
    return this.#token !== null && (this.#tokenIn === "hello" || !fitsSubprotocol(this.#token));
  }
}

/** @param {string | URL} url */
function addressFrom(url) {
  const address = URL.canParse(url, globalThis.location?.href) ? new URL(url, globalThis.location?.href) : null;
  if (address !== null && /^(ws|http)s?:$/.test(address.protocol)) return address;
  throw new Fault("bad_argument", `url must be one such as ws://127.0.0.1:8080/ws, and this is ${url}`);
}
