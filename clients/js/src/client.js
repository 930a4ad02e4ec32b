/**
 * @file The client: what an application calls.
 *
 * Promises: `send` ends as a receipt or a `Fault`, whatever happens to the connection meanwhile; `message` events come in order and once per
 * conversation; after `stopped` nothing happens until `start` is called again.
 * Does not: keep messages; what was delivered is the application's.
 */

import { Clock } from "./clock.js";
import { draftText, destinationFrom } from "./draft.js";
import { Emitter } from "./emitter.js";
import { newId } from "./frames.js";
import { LIMITS } from "./limits.js";
import { Line } from "./line.js";

export class Client {
  /** @param {import("./index.js").ClientOptions} options */
  constructor(options) {
    this.#user = typeof options.user === "number" ? String(options.user) : options.user;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#line = new Line({ options: { ...options, user: this.#user }, limits: this.#limits, clock: new Clock(options.timers), events: this.#events });
  }

  #user;
  #limits;
  #events = new Emitter();
  #line;

  /** The id of the user. */
  get user() {
    return this.#user;
  }

  /** `idle`, `connecting`, `catching-up`, `online`, `waiting` (for the next attempt) or `stopped`. */
  get state() {
    return this.#line.state;
  }

  /** The node that holds the session, or null without one. */
  get node() {
    return this.#line.node;
  }

  /** Whether the server keeps no messages: then there is no `seq`, no history, no unread. */
  get keepsNothing() {
    return this.#line.keepsNothing;
  }

  /** Sends without an answer so far. */
  get unsent() {
    return this.#line.unsent;
  }

  /**
   * Calls `listener` at each `event`; the returned function ends that.
   * @type {import("./index.js").Client["on"]}
   */
  on(event, listener) {
    return this.#events.on(event, listener);
  }

  /** Connects, and stays connected until `close` or a close code from 4500 to 4599. */
  async start() {
    await this.#line.start();
  }

  /** Tries to connect at once where it waits for the next attempt, and otherwise sees quickly whether the connection is alive; in a browser this also happens by itself. */
  probe() {
    this.#line.probe();
  }

  /** Disconnects; what waits for an answer fails with `stopped`. */
  close() {
    this.#line.stop("closed by the application");
  }

  /**
   * Sends `content`, now or as soon as there is a connection. Resolves when the server has kept it (`receipt`), or with `store: none` has passed it on (`sent`).
   * @param {{user: string | number} | {group: string | number}} to
   * @param {unknown} content any JSON value of up to 60,000 bytes
   * @param {{id?: string}} [options] `id`: repeat a send that failed without a refusal under its first id, and it is kept once
   * @returns {Promise<import("./index.js").Receipt>}
   */
  send(to, content, { id = newId() } = {}) {
    return new Promise((resolve, reject) => {
      const destination = destinationFrom(to);
      const text = draftText({ type: "send", id, to: destination, content }, this.#limits);
      this.#line.send({ id, text, to: destination }, resolve, reject);
    });
  }

  /**
   * Sends something that is not kept, like "is typing". Never queued: without a connection, or above the pace, it is dropped.
   * @param {{user: string | number} | {group: string | number}} to
   * @param {unknown} content
   * @returns {boolean} whether it went out
   */
  signal(to, content) {
    return this.#line.signal(draftText({ type: "send", to: destinationFrom(to), content, signal: true }, this.#limits));
  }

  /**
   * Messages of a conversation, ascending: the newest, those before a `seq`, or those after one.
   * @param {string} conversation
   * @param {{before?: number, after?: number, limit?: number}} [options]
   * @returns {Promise<import("./index.js").Page>}
   */
  async history(conversation, { before, after, limit } = {}) {
    const page = await this.#line.ask({ type: "history", conversation, before, after, limit });
    if (before === undefined && after === undefined) this.#line.hasNewestPage(conversation, page.messages);
    return page;
  }

  /**
   * The user's conversations, latest first.
   * @param {{limit?: number, next?: string}} [options] `next` of the last answer for more
   * @returns {Promise<import("./index.js").Conversations>}
   */
  conversations({ limit, next } = {}) {
    return this.#line.ask({ type: "conversations", limit, next });
  }

  /**
   * @param {string | number} group
   * @returns {Promise<import("./index.js").Members>}
   */
  async join(group) {
    const answer = await this.#line.ask({ type: "join", group: String(group) });
    this.#line.joined(String(group));
    return answer;
  }

  /**
   * @param {string | number} group
   * @returns {Promise<import("./index.js").Members>}
   */
  async leave(group) {
    const answer = await this.#line.ask({ type: "leave", group: String(group) });
    this.#line.left(String(group));
    return answer;
  }

  /**
   * The person has seen a conversation up to `seq`. Told again after a reconnect where it may have been lost.
   * @param {string} conversation
   * @param {number} seq
   */
  read(conversation, seq) {
    this.#line.read(conversation, seq);
  }
}
