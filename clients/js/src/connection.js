/**
 * @file One connection after the other: opens, notices death, waits, opens again.
 *
 * Promises: at most one socket at a time, and nothing of an old one is heard once it is given up; a dead socket is noticed within a minute; close codes
 * 4500 to 4599, and a `bye` that says so, end it until `start` is called again.
 * Does not: know what frames mean, but for `pong` and `bye`.
 */

import { Backoff } from "./backoff.js";
import { CLOSE, mayReconnect } from "./fault.js";
import { decode } from "./frames.js";

/**
 * @typedef {"idle" | "connecting" | "catching-up" | "online" | "waiting" | "stopped"} State
 *
 * @typedef {object} Change
 * @property {State} state
 * @property {number} [code] the close code, with `waiting` and `stopped`
 * @property {string} [reason]
 * @property {number} [retryMs] with `waiting`
 * @property {number} [attempt] with `waiting`: 1, 2, 3 ... since the last good connection
 */

/** `readyState` of an open WebSocket. */
const OPEN = 1;
/** A close reason has at most 123 bytes; a character has at most three. */
const REASON_CHARS_MAX = 40;

export class Connection {
  /**
   * @param {object} parts
   * @param {any} parts.WebSocket
   * @param {() => Promise<{url: string, protocols: string[]}>} parts.dial
   * @param {() => void} parts.opened
   * @param {(frame: any) => void} parts.received
   * @param {(pings: number) => void} parts.confirmed a pong answered ping number `pings`
   * @param {(code: number, reason: string) => void} parts.lost
   * @param {(change: Change) => void} parts.changed
   * @param {import("./clock.js").Clock} parts.clock
   * @param {() => number} parts.random
   * @param {import("./index.js").Limits} parts.limits
   */
  constructor(parts) {
    this.#parts = parts;
    this.#backoff = new Backoff(parts.limits, parts.random);
  }

  #parts;
  #backoff;
  /** @type {State} */
  #state = "idle";
  /** Which attempt is the present one: an answer to an earlier one is none. */
  #turn = 0;
  /** @type {any} */
  #socket = null;
  /** @type {any} */
  #bye = null;
  #pings = 0;
  #heardAt = 0;
  #welcomedAt = 0;
  #awaitsPong = false;
  /** @type {() => void} */
  #cancelTimer = () => {};

  get state() {
    return this.#state;
  }

  /** Pings written to the present connection. */
  get pings() {
    return this.#pings;
  }

  /** Connects, unless that is under way already. */
  start() {
    if (this.#state !== "idle" && this.#state !== "stopped") return;
    this.#backoff.reset();
    this.#attempt();
  }

  /**
   * Ends it; the server hears a normal close.
   * @param {string} reason
   */
  stop(reason) {
    if (this.#state === "stopped") return;
    const wasConnected = this.#drop(CLOSE.normal, reason);
    if (wasConnected) this.#parts.lost(CLOSE.normal, reason);
    this.#change({ state: "stopped", code: CLOSE.normal, reason });
  }

  /**
   * The connection cannot be trusted any more: opens another one.
   * @param {number} code
   * @param {string} reason
   */
  giveUp(code, reason) {
    if (this.#socket !== null) this.#down(code, reason);
  }

  /** The network or the person is back: tries at once, or sees quickly whether the socket is still alive. */
  probe() {
    if (this.#state === "waiting") {
      this.#cancelTimer();
      this.#attempt();
    } else if (this.isWelcome) {
      this.#ping(this.#parts.limits.probeTimeoutMs);
    }
  }

  /** Whether the server has said `welcome` to the present connection. */
  get isWelcome() {
    return this.#state === "catching-up" || this.#state === "online";
  }

  /**
   * @param {string} text
   * @returns {boolean} whether it was handed to an open socket
   */
  write(text) {
    if (this.#socket === null || this.#socket.readyState !== OPEN) return false;
    this.#socket.send(text);
    return true;
  }

  /** `welcome` has come. @param {boolean} catchesUp */
  welcomed(catchesUp) {
    this.#cancelTimer();
    this.#welcomedAt = this.#parts.clock.now();
    this.#change({ state: catchesUp ? "catching-up" : "online" });
    this.#pingLater();
  }

  /** What was missed has been pushed. */
  caughtUp() {
    if (this.#state === "catching-up") this.#change({ state: "online" });
  }

  async #attempt() {
    this.#turn += 1;
    const turn = this.#turn;
    this.#change({ state: "connecting" });
    let target;
    try {
      target = await this.#parts.dial();
    } catch (error) {
      if (turn === this.#turn) this.#wait(0, `no token: ${/** @type {Error} */ (error).message}`);
      return;
    }
    if (turn !== this.#turn) return;
    this.#open(target);
  }

  /** @param {{url: string, protocols: string[]}} target */
  #open({ url, protocols }) {
    const { WebSocket, clock, limits, opened } = this.#parts;
    const socket = new WebSocket(url, protocols);
    this.#socket = socket;
    this.#bye = null;
    this.#pings = 0;
    this.#awaitsPong = false;
    this.#cancelTimer = clock.after(limits.connectTimeoutMs, () => this.#down(CLOSE.silent, "no welcome in time"));
    socket.onopen = () => {
      if (socket === this.#socket) opened();
    };
    socket.onmessage = (/** @type {{data: unknown}} */ event) => {
      if (socket === this.#socket) this.#hear(event.data);
    };
    socket.onclose = (/** @type {{code: number, reason: string}} */ event) => {
      if (socket === this.#socket) this.#down(event.code, String(event.reason ?? ""));
    };
    // A `close` follows every `error`; without a listener Node's implementations would throw it.
    socket.onerror = () => {};
  }

  /** @param {unknown} data */
  #hear(data) {
    this.#heardAt = this.#parts.clock.now();
    const frame = decode(data);
    if (frame === null) {
      this.#down(CLOSE.badText, "the server sent something that is no frame");
    } else if (frame.type === "pong") {
      this.#awaitsPong = false;
      this.#parts.confirmed(this.#pings);
    } else {
      if (frame.type === "bye") this.#bye = frame;
      this.#parts.received(frame);
    }
  }

  #pingLater() {
    this.#cancelTimer();
    this.#cancelTimer = this.#parts.clock.after(this.#parts.limits.pingEveryMs, () => this.#ping(this.#parts.limits.pongTimeoutMs));
  }

  /** @param {number} timeoutMs */
  #ping(timeoutMs) {
    const { clock } = this.#parts;
    const written = clock.now();
    if (!this.#awaitsPong) {
      this.#pings += 1;
      this.#awaitsPong = true;
      if (!this.write(`{"type":"ping","id":"ping-${this.#pings}"}`)) {
        this.#down(CLOSE.silent, "the socket is no longer open");
        return;
      }
    }
    this.#cancelTimer();
    this.#cancelTimer = clock.after(timeoutMs, () => {
      // Whatever was heard shows that it lives: a pong may stand behind a long queue of messages.
      if (this.#heardAt < written) this.#down(CLOSE.silent, "no answer to a ping");
      else if (this.#awaitsPong) this.#ping(timeoutMs);
      else this.#pingLater();
    });
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #down(code, reason) {
    const bye = this.#bye;
    const lived = this.isWelcome ? this.#parts.clock.now() - this.#welcomedAt : 0;
    this.#drop(code >= 4000 ? code : CLOSE.normal, reason);
    // The `bye` says more than a close frame that a proxy may have rewritten.
    const endCode = bye?.code ?? code;
    const endReason = bye?.reason ?? reason;
    if (lived >= this.#parts.limits.backoffResetMs) this.#backoff.reset();
    this.#parts.lost(code, endReason);
    if (bye?.reconnect === false || !mayReconnect(endCode)) this.#change({ state: "stopped", code: endCode, reason: endReason });
    else this.#wait(endCode, endReason);
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #wait(code, reason) {
    const retryMs = this.#backoff.next();
    this.#cancelTimer = this.#parts.clock.after(retryMs, () => this.#attempt());
    this.#change({ state: "waiting", code, reason, retryMs, attempt: this.#backoff.attempts });
  }

  /**
   * Lets go of the socket without waiting for its close: that of a dead one takes minutes.
   * @param {number} code
   * @param {string} reason
   * @returns {boolean} whether there was one
   */
  #drop(code, reason) {
    this.#turn += 1;
    this.#cancelTimer();
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) return false;
    try {
      socket.close(code, reason.slice(0, REASON_CHARS_MAX));
    } catch {
      // It is closed or closing already; which of the two does not matter any more.
    }
    return true;
  }

  /** @param {Change} change */
  #change(change) {
    this.#state = change.state;
    this.#parts.changed(change);
  }
}
