/**
 * @file A server that says exactly what a test tells it to.
 *
 * Promises: real sockets on a free loopback port; a frame that a test awaits and does not get fails that test with what came instead.
 * Does not: know the protocol.
 */

import { WebSocketServer } from "ws";

const PATIENCE_MS = 5_000;

/** Values that come one at a time, awaited one at a time. */
class Arrivals {
  #values = [];
  #waiter = null;

  push(value) {
    this.#values.push(value);
    this.#waiter?.();
  }

  /** The values that nobody has taken. */
  get left() {
    return [...this.#values];
  }

  /** Takes the first value that `matches`; those before it are dropped. */
  async next(matches = () => true, what = "a value") {
    const deadline = Date.now() + PATIENCE_MS;
    const skipped = [];
    for (;;) {
      while (this.#values.length > 0) {
        const value = this.#values.shift();
        if (matches(value)) return value;
        skipped.push(value);
      }
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`${what} did not come; these did: ${JSON.stringify(skipped)}`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiter = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

/** One connection, seen from the server. */
class Peer {
  #socket;
  #frames = new Arrivals();
  #answersPings = true;
  closed;

  constructor(socket, request) {
    this.#socket = socket;
    this.url = new URL(request.url, "ws://server");
    this.protocols = (request.headers["sec-websocket-protocol"] ?? "").split(/, */);
    this.closed = new Promise((resolve) => socket.on("close", (code, reason) => resolve({ code, reason: String(reason) })));
    socket.on("message", (data) => {
      const frame = JSON.parse(String(data));
      if (frame.type === "ping" && this.#answersPings) this.say({ type: "pong", id: frame.id });
      else this.#frames.push(frame);
    });
  }

  /** The next frame of this type; what comes before it is dropped. */
  frame(type) {
    return this.#frames.next((frame) => frame.type === type, type);
  }

  /** Frames that came and were not taken. */
  get untaken() {
    return this.#frames.left;
  }

  say(frame) {
    this.#socket.send(JSON.stringify(frame));
  }

  /** `welcome`, as node-1 gives it. */
  welcome(fields = {}) {
    this.say({ type: "welcome", session: "s", user: "1", node: "node-1", time: Date.now(), epoch: "e1", unread: [], more: false, ...fields });
  }

  /** A receipt for the next send. */
  async keep(seq, conversation = "d:1:2") {
    const send = await this.frame("send");
    this.say({ type: "receipt", id: send.id, conversation, seq, message_id: `m${seq}`, time: Date.now() });
    return send;
  }

  raw(text) {
    this.#socket.send(text);
  }

  close(code, reason = "") {
    this.#socket.close(code, reason);
  }

  /** Ends it as a crash does: without a close frame. */
  crash() {
    this.#socket.terminate();
  }

  /** From now on it behaves as a half-open socket: it hears, and says nothing. */
  playDead() {
    this.#answersPings = false;
  }
}

export class FakeServer {
  #server;
  #peers = new Arrivals();

  /** @returns {Promise<FakeServer>} */
  static start() {
    return new Promise((resolve) => {
      const server = new WebSocketServer({ host: "127.0.0.1", port: 0, handleProtocols: () => "trunkline.v1" });
      server.on("listening", () => resolve(new FakeServer(server)));
    });
  }

  constructor(server) {
    this.#server = server;
    server.on("connection", (socket, request) => this.#peers.push(new Peer(socket, request)));
  }

  get url() {
    return `ws://127.0.0.1:${this.#server.address().port}/ws`;
  }

  /** The next connection. @returns {Promise<Peer>} */
  peer() {
    return this.#peers.next(undefined, "a connection");
  }

  stop() {
    for (const client of this.#server.clients) client.terminate();
    return new Promise((resolve) => this.#server.close(resolve));
  }
}

/** A message of user 2 to user 1. */
export function message(seq, fields = {}) {
  return { type: "message", conversation: "d:1:2", seq, message_id: `m${seq}`, from: "2", to: { user: "1" }, content: `text ${seq}`, time: 1_700_000_000_000 + seq, ...fields };
}
