/**
 * @file The line to the server: the connection, and everything that outlives one.
 *
 * Promises: on a new connection `hello` goes first, then what was sent while offline, in order; each frame that comes is given to the one part that it concerns.
 * Does not: check what the application hands in (`client.js`, `draft.js`), nor decide (each part does that for itself).
 */

import { CatchUp } from "./catch-up.js";
import { Connection } from "./connection.js";
import { watchEnvironment } from "./environment.js";
import { CLOSE, Fault } from "./fault.js";
import { encode, newId } from "./frames.js";
import { conversationOf, groupConversation } from "./ids.js";
import { Login } from "./login.js";
import { Memory } from "./memory.js";
import { Outbox } from "./outbox.js";
import { Pace } from "./pace.js";
import { Positions } from "./positions.js";
import { Reads } from "./reads.js";
import { RecentMessages } from "./recent-messages.js";
import { Renewal } from "./renewal.js";
import { Requests } from "./requests.js";

export class Line {
  /**
   * @param {object} parts
   * @param {import("./index.js").ClientOptions & {user: string}} parts.options
   * @param {import("./index.js").Limits} parts.limits
   * @param {import("./clock.js").Clock} parts.clock
   * @param {import("./emitter.js").Emitter} parts.events
   */
  constructor({ options, limits, clock, events }) {
    this.#user = options.user;
    this.#skipsBehind = options.behind === "skip";
    this.#limits = limits;
    this.#clock = clock;
    this.#events = events;
    this.#login = new Login(options);
    this.#positions = new Positions(limits);
    this.#outbox = new Outbox(limits);
    this.#requests = new Requests(limits, clock);
    this.#reads = new Reads(limits);
    this.#pace = new Pace(limits);
    this.#recent = new RecentMessages(limits.recentMessagesMax);
    this.#memory = new Memory({
      storage: options.storage,
      clock,
      saveEveryMs: limits.saveEveryMs,
      state: () => this.#memorable(),
      failed: (error) => events.emit("error", new Fault("storage", error.message), {}),
    });
    this.#connection = this.#newConnection(options);
    this.#catchUp = this.#newCatchUp();
    this.#renewal = new Renewal({
      login: this.#login,
      clock,
      limits,
      say: (hello) => this.#sayHello(hello, false),
      failed: (error) => events.emit("error", new Fault("unauthorized", `no token: ${error.message}`), {}),
    });
  }

  #user;
  #skipsBehind;
  #limits;
  #clock;
  #events;
  #login;
  #positions;
  #outbox;
  #requests;
  #reads;
  #pace;
  #recent;
  #memory;
  #connection;
  #catchUp;
  #renewal;
  /** @type {string | null} */
  #epoch = null;
  /** What the present connection resumes from. @type {Record<string, number>} */
  #have = {};
  /** @type {Record<string, any> | null} */
  #welcome = null;
  /** Groups joined by this client: with `store: none` a membership ends with the session. @type {Set<string>} */
  #joined = new Set();
  #cancelPump = () => {};
  #stopWatching = () => {};

  get state() {
    return this.#connection.state;
  }

  get node() {
    return this.#connection.isWelcome ? (this.#welcome?.node ?? null) : null;
  }

  get keepsNothing() {
    return this.#welcome?.store === "none";
  }

  get unsent() {
    return this.#outbox.size;
  }

  async start() {
    const saved = await this.#memory.load();
    if (saved !== null) {
      this.#epoch = saved.epoch ?? null;
      this.#positions.restore(saved.have ?? {});
      this.#outbox.restore(saved.unsent ?? []);
    }
    this.#stopWatching();
    this.#stopWatching = watchEnvironment({ back: () => this.probe(), leaving: () => this.#memory.save() });
    this.#connection.start();
  }

  /** The person is back: tries at once, or sees quickly whether the connection is still alive. */
  probe() {
    this.#connection.probe();
  }

  /** @param {string} reason */
  stop(reason) {
    this.#connection.stop(reason);
  }

  /**
   * @param {{id: string, text: string, to: {user?: string, group?: string}}} draft
   * @param {(receipt: any) => void} resolve
   * @param {(fault: Fault) => void} reject
   * @throws {Fault}
   */
  send({ id, text, to }, resolve, reject) {
    if (this.state === "stopped") throw new Fault("stopped", "the client is stopped");
    this.#outbox.add({ id, text, conversation: conversationOf(this.#user, to), at: this.#clock.now() }, resolve, reject);
    this.#memory.save();
    this.#pump();
  }

  /**
   * @param {string} text
   * @returns {boolean} whether it went out
   */
  signal(text) {
    if (!this.#connection.isWelcome || this.#pace.waitMs(this.#clock.now()) > 0) return false;
    if (!this.#connection.write(text)) return false;
    this.#pace.take();
    return true;
  }

  /**
   * @param {{type: string, [field: string]: unknown}} frame
   * @param {{repeats?: boolean, timed?: boolean, always?: boolean}} [options] as for `Requests`; `always`: before `welcome` too
   * @returns {Promise<any>}
   */
  ask(frame, { repeats = true, timed = true, always = false } = {}) {
    if (this.state === "stopped") return Promise.reject(new Fault("stopped", "the client is stopped"));
    const id = newId();
    /** @type {string} */
    let text;
    try {
      text = encode({ ...frame, id }, this.#limits.frameBytesMax);
    } catch (error) {
      return Promise.reject(error);
    }
    const answer = this.#requests.add(id, text, { repeats, timed });
    if (always || this.#connection.isWelcome) this.#writeRequest({ id, text });
    return answer;
  }

  /**
   * @param {string} conversation
   * @param {number} seq
   */
  read(conversation, seq) {
    if (this.#reads.add(conversation, seq, this.#connection.pings) && this.#connection.isWelcome) {
      this.#write({ type: "read", conversation, seq });
    }
  }

  /**
   * The application has read the newest page of a conversation.
   * @param {string} conversation
   * @param {any[]} messages
   */
  hasNewestPage(conversation, messages) {
    this.#positions.newestPage(conversation, messages);
  }

  /** @param {string} group */
  joined(group) {
    this.#joined.add(group);
  }

  /** @param {string} group */
  left(group) {
    this.#joined.delete(group);
    this.#positions.forget(groupConversation(group));
  }

  // === the connection ===

  /** @param {import("./index.js").ClientOptions} options */
  #newConnection(options) {
    const WebSocket = options.WebSocket ?? globalThis.WebSocket;
    if (WebSocket === undefined) throw new Fault("bad_argument", "this environment has no WebSocket: pass one, for example that of the package ws");
    return new Connection({
      WebSocket,
      dial: () => this.#dial(),
      opened: () => this.#opened(),
      received: (frame) => this.#received(frame),
      confirmed: (pings) => this.#confirmed(pings),
      lost: (code, reason) => this.#lost(code, reason),
      changed: (change) => this.#changed(change),
      clock: this.#clock,
      random: options.random ?? Math.random,
      limits: this.#limits,
    });
  }

  #newCatchUp() {
    return new CatchUp({
      positions: this.#positions,
      read: (conversation, after) =>
        this.ask({ type: "history", conversation, after, limit: this.#limits.pageMessagesMax }, { repeats: false }),
      deliver: (messages) => this.#deliver(messages),
      gaveUp: (conversation, fault) => this.#events.emit("error", fault, { conversation }),
      awaitsReceipt: (conversation) => this.#outbox.awaitsReceipt(conversation),
      clock: this.#clock,
      limits: this.#limits,
    });
  }

  async #dial() {
    await this.#login.fetchToken();
    this.#have = this.keepsNothing ? {} : this.#positions.have(this.#login.haveBytesMax(this.#limits.frameBytesMax));
    return this.#login.target(this.#resumes);
  }

  get #resumes() {
    return Object.keys(this.#have).length > 0;
  }

  #opened() {
    const hello = this.#login.hello({ epoch: this.#epoch, have: this.#have });
    if (hello !== null) this.#sayHello(hello, this.#resumes);
  }

  /**
   * @param {{type: "hello"}} hello
   * @param {boolean} resumes
   */
  async #sayHello(hello, resumes) {
    try {
      // Not timed: `ready` comes after everything missed, however much that is; the ping watches over the connection.
      const ready = await this.ask(hello, { repeats: false, timed: false, always: true });
      if (typeof ready.expires === "number") this.#login.expires(ready.expires);
      this.#renewal.plan();
    } catch (error) {
      const fault = /** @type {Fault} */ (error);
      if (fault.code === "disconnected" || fault.code === "stopped") return;
      this.#events.emit("error", fault, {});
      if (!resumes) return;
      // The server cannot go on from what we hold, so the next connection starts afresh.
      if (fault.retryMs === null) this.#positions.clear();
      this.#connection.giveUp(CLOSE.normal, `hello was refused: ${fault.code}`);
    }
  }

  /** @param {number} pings */
  #confirmed(pings) {
    this.#reads.confirmed(pings);
    for (const id of this.#outbox.unansweredBefore(pings)) {
      this.#refused(id, new Fault("unanswered", "the server answered later frames, but not this one", { retryMs: 1 }));
    }
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #lost(code, reason) {
    this.#cancelPump();
    this.#renewal.stop();
    if (code === CLOSE.badText || code === CLOSE.tooBig) {
      this.#outbox.failOldestUnderWay(new Fault("too_large", `the server closed for it: ${reason}`, { closeCode: code }));
    }
    this.#outbox.lost();
    this.#requests.lost();
    this.#positions.lost();
    this.#catchUp.lost();
    this.#memory.save();
  }

  /** @param {import("./connection.js").Change} change */
  #changed(change) {
    if (change.state === "stopped") {
      this.#stopWatching();
      const fault = new Fault("stopped", change.reason || "the client is stopped", { closeCode: change.code });
      this.#outbox.failAll(fault);
      this.#requests.failAll(fault);
    }
    this.#events.emit("state", { ...change, node: this.node, resumed: this.#resumes });
  }

  // === frames ===

  /** @param {any} frame */
  #received(frame) {
    switch (frame.type) {
      case "welcome":
        return this.#welcomed(frame);
      case "ready":
        this.#requests.answered(frame.id, frame);
        return this.#connection.caughtUp();
      case "receipt":
      case "sent":
        return this.#receipt(frame);
      case "message":
        return this.#message(frame);
      case "behind":
        return this.#behind(frame);
      case "page":
      case "conversations":
        this.#requests.answered(frame.id, frame);
        return;
      case "members":
        return this.#members(frame);
      case "error":
        return this.#refused(frame.id, new Fault(frame.code, frame.reason ?? "", { retryMs: frame.retry_ms ?? null }));
      case "signal":
      case "read":
      case "bye":
        return this.#events.emit(frame.type, frame);
      default:
      // A newer server may say more than we know; what matters to us it says in the words above.
    }
  }

  /** @param {any} frame */
  #welcomed(frame) {
    this.#welcome = frame;
    this.#pace.renew(this.#clock.now());
    if (this.keepsNothing) {
      this.#have = {};
      this.#positions.clear();
    }
    if (this.#epoch !== null && this.#epoch !== frame.epoch) this.#positions.forgetAllBut(this.#have);
    this.#epoch = frame.epoch ?? null;
    this.#positions.resumed(this.#have);
    const unread = frame.unread ?? [];
    this.#connection.welcomed(this.#resumes);
    if (unread.length > 0) this.#events.emit("unread", unread, { more: frame.more === true });
    for (const { conversation, head } of unread) {
      const isResumed = Object.hasOwn(this.#have, conversation);
      if (!isResumed && this.#positions.head(conversation, head)) this.#catchUp.fill(conversation);
    }
    this.#writeWhatWaited();
    this.#renewal.start(typeof frame.time === "number" ? frame.time : this.#clock.now());
  }

  #writeWhatWaited() {
    this.#pump();
    for (const read of this.#reads.repeat()) this.#write({ type: "read", ...read });
    if (this.keepsNothing) {
      for (const group of this.#joined) this.#write({ type: "join", group });
    }
    for (const request of this.#requests.unwritten()) this.#writeRequest(request);
  }

  /** @param {any} frame */
  #receipt(frame) {
    if (this.#outbox.answered(frame.id, frame)) {
      this.#pace.accepted();
      this.#memory.save();
      this.#events.emit("receipt", frame);
    }
    if (frame.seq !== undefined) this.#deliver(this.#positions.receipt(frame.conversation, frame.seq));
    this.#pump();
  }

  /** @param {any} frame */
  #message(frame) {
    if (frame.seq === undefined) {
      if (this.#recent.isNew(frame)) this.#events.emit("message", frame, { live: true });
      return;
    }
    const { deliver, hole } = this.#positions.message(frame);
    this.#deliver(deliver);
    if (hole) this.#catchUp.fill(frame.conversation);
  }

  /** @param {any[]} messages */
  #deliver(messages) {
    if (messages.length === 0) return;
    for (const message of messages) {
      const { id, conversation, seq, message_id, time } = message;
      const isOurs = message.from === this.#user && id !== undefined;
      // It was kept, but the receipt was lost with the connection: the message itself is the receipt.
      if (isOurs && this.#outbox.answered(id, { type: "receipt", id, conversation, seq, message_id, time })) {
        this.#events.emit("receipt", { type: "receipt", id, conversation, seq, message_id, time });
      } else {
        this.#events.emit("message", message, { live: this.state === "online" });
      }
    }
    this.#memory.saveSoon();
    this.#pump();
  }

  /** @param {any} frame */
  #behind({ conversation, after, head }) {
    const { forget, deliver } = this.#positions.behind(conversation, after, head, this.#skipsBehind);
    if (forget) this.#reads.forget(conversation);
    this.#events.emit("behind", { conversation, after, head, forget });
    this.#deliver(deliver);
    if (this.#positions.hasHole(conversation)) this.#catchUp.fill(conversation);
  }

  /** @param {any} frame */
  #members(frame) {
    if ((frame.left ?? []).includes(this.#user)) this.#positions.forget(groupConversation(frame.group));
    this.#events.emit("members", frame);
    this.#requests.answered(frame.id, frame);
  }

  /**
   * @param {string | undefined} id
   * @param {Fault} fault
   */
  #refused(id, fault) {
    const now = this.#clock.now();
    if (fault.code === "too_many_requests") this.#pace.refused(now, fault.retryMs ?? 0);
    const fate = id === undefined ? "unknown" : this.#outbox.refused(id, fault, now);
    if (fate === "failed") {
      this.#memory.save();
      this.#events.emit("refused", { id, fault });
    } else if (fate === "unknown" && (id === undefined || !this.#requests.refused(id, fault))) {
      this.#events.emit("error", fault, {});
    }
    this.#pump();
  }

  // === writing ===

  /** @param {{id: string, text: string}} request */
  #writeRequest({ id, text }) {
    if (this.#connection.write(text)) this.#requests.written(id);
  }

  /** @param {{type: string, [field: string]: unknown}} frame */
  #write(frame) {
    this.#connection.write(encode(frame, this.#limits.frameBytesMax));
  }

  /** Writes what is due, in order, and comes back when more is. */
  #pump() {
    this.#cancelPump();
    const now = this.#clock.now();
    this.#outbox.failExpired(now);
    if (!this.#connection.isWelcome) return;
    let waitMs = this.#outbox.retryInMs(now);
    for (const send of this.#outbox.due(now)) {
      const paceMs = this.#pace.waitMs(now);
      if (paceMs > 0) {
        waitMs = waitMs === null ? paceMs : Math.min(waitMs, paceMs);
        break;
      }
      if (!this.#connection.write(send.text)) break;
      this.#pace.take();
      this.#outbox.written(send, this.#connection.pings);
    }
    if (waitMs !== null) this.#cancelPump = this.#clock.after(waitMs, () => this.#pump());
  }

  /** What the next life of the page should know. */
  #memorable() {
    return { epoch: this.#epoch, have: this.#positions.have(Infinity), unsent: this.#outbox.unsent() };
  }
}
