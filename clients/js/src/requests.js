/**
 * @file Questions that wait for an answer by their id.
 *
 * Promises: each ends, as an answer or as a `Fault`, at the latest after its time-out; a lost connection repeats it on the next one, or ends it.
 * Does not: carry sends; those outlive any time-out and have the outbox.
 */

import { Fault } from "./fault.js";

/**
 * @typedef {object} Request
 * @property {string} text
 * @property {boolean} repeats
 * @property {boolean} isWritten to the present connection
 * @property {(answer: any) => void} resolve
 * @property {(fault: Fault) => void} reject
 * @property {() => void} cancelTimeout
 */

export class Requests {
  /**
   * @param {{requestsMax: number, requestTimeoutMs: number}} limits
   * @param {import("./clock.js").Clock} clock
   */
  constructor(limits, clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  #limits;
  #clock;
  /** @type {Map<string, Request>} */
  #requests = new Map();

  /**
   * @param {string} id
   * @param {string} text
   * @param {{repeats: boolean, timed: boolean}} options `repeats`: asked again after a reconnect; `timed`: fails without an answer in time
   * @returns {Promise<any>}
   */
  add(id, text, { repeats, timed }) {
    if (this.#requests.size >= this.#limits.requestsMax) {
      return Promise.reject(new Fault("queue_full", `${this.#requests.size} requests wait for an answer already`));
    }
    return new Promise((resolve, reject) => {
      const timeout = () => this.refused(id, new Fault("timeout", `no answer within ${this.#limits.requestTimeoutMs} ms`));
      const cancelTimeout = timed ? this.#clock.after(this.#limits.requestTimeoutMs, timeout) : () => {};
      this.#requests.set(id, { text, repeats, isWritten: false, resolve, reject, cancelTimeout });
    });
  }

  /**
   * @param {string} id
   * @param {object} answer
   * @returns {boolean} whether `id` waited here
   */
  answered(id, answer) {
    const request = this.#take(id);
    request?.resolve(answer);
    return request !== undefined;
  }

  /**
   * @param {string} id
   * @param {Fault} fault
   * @returns {boolean} whether `id` waited here
   */
  refused(id, fault) {
    const request = this.#take(id);
    request?.reject(fault);
    return request !== undefined;
  }

  /**
   * What the present connection was not asked yet.
   * @returns {{id: string, text: string}[]}
   */
  unwritten() {
    return [...this.#requests].filter(([, request]) => !request.isWritten).map(([id, { text }]) => ({ id, text }));
  }

  /** @param {string} id */
  written(id) {
    const request = this.#requests.get(id);
    if (request !== undefined) request.isWritten = true;
  }

  /** The connection is lost. */
  lost() {
    for (const [id, request] of [...this.#requests]) {
      request.isWritten = false;
      if (!request.repeats) this.refused(id, new Fault("disconnected", "the connection was lost before the answer came"));
    }
  }

  /** @param {Fault} fault */
  failAll(fault) {
    for (const id of [...this.#requests.keys()]) this.refused(id, fault);
  }

  /** @param {string} id */
  #take(id) {
    const request = this.#requests.get(id);
    this.#requests.delete(id);
    request?.cancelTimeout();
    return request;
  }
}
