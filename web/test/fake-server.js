/**
 * @file A server in memory for working on the page without building anything: `node fake-server.js [PORT]`.
 *
 * Promises: serves the page and the client from their folders, and speaks enough of the protocol for everything that the page does.
 * Does not: check what the real server checks, keep anything, or take part in the tests that judge the page.
 */

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TYPES = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml" };
const PAGE_MESSAGES = 50;

/** Where a path of the page lies in the repository. */
function fileOf(path) {
  if (path === "/") return "web/chat/index.html";
  if (path.startsWith("/chat/")) return `web/chat/${path.slice("/chat/".length)}`;
  return path.startsWith("/client/") ? `clients/js/src/${path.slice("/client/".length)}` : null;
}

async function serve(request, response) {
  const file = fileOf(normalize(new URL(request.url, "http://fake").pathname));
  try {
    const body = await readFile(join(ROOT, file ?? "none"));
    response.writeHead(200, { "content-type": `${TYPES[extname(file)]}; charset=utf-8`, "cache-control": "no-store" });
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
}

/** Everything that the server knows. */
class World {
  sessions = new Set();
  /** conversation -> {log, reads: user -> seq, members: Set or null for a direct one} */
  conversations = new Map();
  #epoch = String(Math.random());
  #answers = new Map();

  conversation(name) {
    if (!this.conversations.has(name)) {
      const [kind, ...users] = name.split(":");
      this.conversations.set(name, { name, log: [], reads: new Map(), members: new Set(kind === "d" ? users : []) });
    }
    return this.conversations.get(name);
  }

  of(user) {
    return [...this.conversations.values()].filter((it) => it.members.has(user) || it.name === "g:everyone");
  }

  unread(it, user) {
    const read = it.reads.get(user) ?? 0;
    return it.log.filter((message) => message.seq > read && message.from !== user).length;
  }

  admit(session) {
    for (const other of [...this.sessions]) {
      if (other.user !== session.user || other.device !== session.device) continue;
      other.say({ type: "bye", code: 4500, reason: "replaced", reconnect: false });
      other.socket.close(4500, "replaced");
      this.sessions.delete(other);
    }
    this.sessions.add(session);
    const unread = this.of(session.user).map((it) => ({ conversation: it.name, unread: this.unread(it, session.user), head: it.log.length }));
    session.say({ type: "welcome", session: "s", user: session.user, node: session.node, time: Date.now(), epoch: this.#epoch, unread: unread.filter((it) => it.unread > 0), more: false });
  }

  send(session, frame) {
    const to = frame.to;
    const name = to.group !== undefined ? `g:${to.group}` : `d:${[session.user, to.user].sort().join(":")}`;
    const it = this.conversation(name);
    if (to.group !== undefined && name !== "g:everyone" && !it.members.has(session.user)) {
      return session.say({ type: "error", id: frame.id, code: "forbidden", reason: "not a member" });
    }
    const about = { from: session.user, to, content: frame.content, time: Date.now() };
    if (frame.signal) return this.push(it, { type: "signal", ...about }, session);
    const key = `${session.user} ${frame.id}`;
    if (!this.#answers.has(key)) {
      const message = { type: "message", conversation: name, seq: it.log.length + 1, message_id: `m${Date.now()}`, ...about };
      it.log.push({ ...message, id: frame.id });
      if (this.unread(it, session.user) === 0) it.reads.set(session.user, message.seq);
      this.#answers.set(key, { type: "receipt", id: frame.id, conversation: name, seq: message.seq, message_id: message.message_id, time: message.time });
      this.push(it, message, session, frame.id);
    }
    session.say(this.#answers.get(key));
  }

  push(it, frame, except, id) {
    for (const other of this.sessions) {
      const concerned = it.name === "g:everyone" || it.members.has(other.user);
      if (concerned && other !== except && !other.isResuming) other.say(other.user === frame.from && id !== undefined ? { ...frame, id } : frame);
    }
  }

  page(it, user, { before = Infinity, after, limit = PAGE_MESSAGES }) {
    const all = it.log.filter((message) => (after === undefined ? message.seq < before : message.seq > after));
    const messages = after === undefined ? all.slice(-limit) : all.slice(0, limit);
    return { messages: messages.map((message) => this.seenBy(message, user)), first: 1, more: messages.length < all.length };
  }

  seenBy(message, user) {
    const { id, ...rest } = message;
    return message.from === user ? message : rest;
  }
}

/** What each frame of a client does. */
const ANSWERS = {
  ping: (world, session, frame) => session.say({ type: "pong", id: frame.id }),
  send: (world, session, frame) => world.send(session, frame),
  read(world, session, { conversation, seq }) {
    const it = world.conversation(conversation);
    if (seq <= (it.reads.get(session.user) ?? 0)) return;
    it.reads.set(session.user, seq);
    world.push(it, { type: "read", conversation, user: session.user, seq }, session);
  },
  conversations(world, session, { id }) {
    const conversations = world.of(session.user).map((it) => {
      const last = it.log.at(-1);
      return { conversation: it.name, head: it.log.length, unread: world.unread(it, session.user), read: it.reads.get(session.user) ?? 0, ...(last ? { last } : {}) };
    });
    session.say({ type: "conversations", id, conversations: conversations.filter((it) => it.head > 0 || it.conversation.startsWith("g:")) });
  },
  history(world, session, frame) {
    session.say({ type: "page", id: frame.id, conversation: frame.conversation, ...world.page(world.conversation(frame.conversation), session.user, frame) });
  },
  join(world, session, { id, group }) {
    const it = world.conversation(`g:${group}`);
    it.members.add(session.user);
    const members = { group, joined: [session.user], left: [] };
    session.say({ type: "members", id, ...members });
    world.push(it, { type: "members", ...members }, session);
  },
  leave(world, session, { id, group }) {
    const it = world.conversation(`g:${group}`);
    it.members.delete(session.user);
    const members = { group, joined: [], left: [session.user] };
    session.say({ type: "members", id, ...members });
    world.push(it, { type: "members", ...members }, session);
  },
  hello(world, session, { id, have = {} }) {
    for (const [conversation, seq] of Object.entries(have)) {
      for (const message of world.conversation(conversation).log.slice(seq)) session.say(world.seenBy(message, session.user));
    }
    session.isResuming = false;
    session.say({ type: "ready", id });
  },
};

/** Starts it; `stop` ends every connection without a word, as a crash does. */
export function startFakeServer(port, world = new World()) {
  const http = createServer(serve);
  const sockets = new WebSocketServer({ server: http, handleProtocols: () => "trunkline.v1" });
  let count = 0;
  sockets.on("connection", (socket, request) => {
    const url = new URL(request.url, "ws://fake");
    count += 1;
    const session = {
      socket,
      user: decodeURIComponent(url.pathname.split("/").at(-1)),
      device: url.searchParams.get("device") ?? "default",
      node: `node-${(count % 3) + 1}`,
      isResuming: url.searchParams.get("resume") === "1",
      say: (frame) => socket.send(JSON.stringify(frame)),
    };
    world.admit(session);
    socket.on("message", (data) => {
      const frame = JSON.parse(String(data));
      ANSWERS[frame.type]?.(world, session, frame);
    });
    socket.on("close", () => world.sessions.delete(session));
  });
  return new Promise((resolve) => {
    http.listen(port, "127.0.0.1", () => {
      const stop = () => {
        for (const client of sockets.clients) client.terminate();
        sockets.close();
        return new Promise((done) => http.close(done));
      };
      resolve({ port: http.address().port, world, stop });
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { port } = await startFakeServer(Number(process.argv[2] ?? 8090));
  console.log(`http://127.0.0.1:${port}/`);
}
