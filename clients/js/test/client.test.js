/**
 * @file The client on real sockets, against a server that says what each test tells it to.
 */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { WebSocket } from "ws";

import { Client } from "../src/index.js";
import { FakeServer, message } from "./fake-server.js";
import { until } from "./until.js";

/** Reconnects at once: no test waits for a real back-off. */
const QUICK = { backoffFirstMs: 10, backoffMaxMs: 20 };

let server;
let clients;

beforeEach(async () => {
  server = await FakeServer.start();
  clients = [];
});

afterEach(async () => {
  for (const client of clients) client.close();
  await server.stop();
});

function newClient(options = {}) {
  const client = new Client({ url: server.url, user: "1", WebSocket, ...options, limits: { ...QUICK, ...options.limits } });
  clients.push(client);
  client.seen = { message: [], state: [], behind: [], error: [], unread: [], receipt: [], refused: [], bye: [], signal: [], read: [] };
  for (const [event, values] of Object.entries(client.seen)) client.on(event, (value, about) => values.push(about === undefined ? value : { ...value, about }));
  client.seqs = () => client.seen.message.map(({ seq }) => seq);
  return client;
}

/** A client that is online, and the server's end of its connection. */
async function online(options = {}, welcome = {}) {
  const client = newClient(options);
  await client.start();
  const peer = await server.peer();
  peer.welcome(welcome);
  await until(() => client.state === "online", "online");
  return { client, peer };
}

test("the address names user and device, the subprotocols version and token", async () => {
  await online({ user: "a@b", device: "ios", token: "t.o-k_en" });
  const again = newClient({ user: "a@b", device: "ios", token: "t.o-k_en" });
  await again.start();
  const peer = await server.peer();
  assert.equal(peer.url.pathname, "/ws/a%40b");
  assert.equal(peer.url.search, "?device=ios");
  assert.deepEqual(peer.protocols, ["trunkline.v1", "bearer.t.o-k_en"]);
});

test("a user may be a number, and stays a string everywhere", async () => {
  const { client, peer } = await online({ user: 17 });
  assert.equal(peer.url.pathname, "/ws/17");
  assert.equal(client.user, "17");
});

test("a token that does not fit a subprotocol, or shall not be one, goes in hello", async () => {
  for (const options of [{ token: "with space" }, { token: "plain", tokenIn: "hello" }]) {
    const client = newClient(options);
    await client.start();
    const peer = await server.peer();
    assert.deepEqual(peer.protocols, ["trunkline.v1"]);
    const hello = await peer.frame("hello");
    assert.equal(hello.token, options.token);
    assert.equal(hello.have, undefined);
  }
});

test("a send resolves with its receipt", async () => {
  const { client, peer } = await online();
  const receipt = client.send({ user: 2 }, { text: "你好" });
  const frame = await peer.keep(1);
  assert.deepEqual(frame, { type: "send", id: frame.id, to: { user: "2" }, content: { text: "你好" } });
  assert.match(frame.id, /^[0-9a-f]{32}$/);
  assert.equal((await receipt).seq, 1);
  assert.equal(client.unsent, 0);
});

test("what was sent while offline goes out first, in order, and before anything newer", async () => {
  const client = newClient();
  const receipts = ["one", "two", "three"].map((text) => client.send({ user: "2" }, text));
  await client.start();
  const peer = await server.peer();
  peer.welcome();
  const contents = [];
  for (const seq of [1, 2, 3]) contents.push((await peer.keep(seq)).content);
  assert.deepEqual(contents, ["one", "two", "three"]);
  assert.deepEqual((await Promise.all(receipts)).map(({ seq }) => seq), [1, 2, 3]);
});

test("an unreceipted send is sent again under its first id and with its first bytes", async () => {
  const { client, peer } = await online();
  const content = { text: "first" };
  const receipt = client.send({ user: "2" }, content);
  content.text = "changed later";
  const first = await peer.frame("send");
  peer.crash();
  const next = await server.peer();
  next.welcome();
  assert.deepEqual(await next.keep(1), first);
  assert.equal((await receipt).seq, 1);
});

test("a message that comes back as one's own is the receipt that was lost", async () => {
  const { client, peer } = await online();
  peer.say(message(1));
  await until(() => client.seen.message.length === 1, "the first message");
  const receipt = client.send({ user: "2" }, "kept");
  const { id } = await peer.frame("send");
  peer.crash();
  const next = await server.peer();
  next.welcome();
  const hello = await next.frame("hello");
  next.say(message(2, { from: "1", to: { user: "2" }, id }));
  next.say({ type: "ready", id: hello.id });
  assert.deepEqual(await receipt, { type: "receipt", id, conversation: "d:1:2", seq: 2, message_id: "m2", time: 1_700_000_000_002 });
  await until(() => client.state === "online", "online");
  assert.deepEqual(client.seqs(), [1]);
});

test("a client that holds messages resumes from exactly what it holds", async () => {
  const { client, peer } = await online();
  for (const seq of [5, 6]) peer.say(message(seq));
  client.send({ user: "2" }, "seven").catch(() => {});
  await peer.keep(7);
  client.send({ user: "2" }, "nine, whose turn has not come").catch(() => {});
  await peer.keep(9);
  await until(() => client.unsent === 0, "both receipts");
  peer.crash();

  const next = await server.peer();
  assert.equal(next.url.searchParams.get("resume"), "1");
  const hello = await next.frame("hello");
  assert.deepEqual(hello, { type: "hello", id: hello.id, epoch: "e1", have: { "d:1:2": 7 } });
  next.welcome();
  await until(() => client.state === "catching-up", "catching up");
  for (const seq of [8, 10]) next.say(message(seq));
  // 9 is known from its receipt: whether it is pushed or not, it is not told again.
  next.say({ type: "ready", id: hello.id });
  await until(() => client.state === "online", "online");
  next.say(message(11));
  await until(() => client.seqs().length === 5, "all messages");
  assert.deepEqual(next.untaken, [], "hello is said once");
  assert.deepEqual(client.seqs(), [5, 6, 8, 10, 11]);
  assert.deepEqual(client.seen.message.map(({ about }) => about.live), [true, true, false, false, true]);
});

test("without anything held there is no resume and no hello", async () => {
  const { client, peer } = await online();
  peer.crash();
  const next = await server.peer();
  next.welcome();
  await until(() => client.seen.state.filter(({ state }) => state === "online").length === 2, "online again");
  assert.equal(next.url.searchParams.get("resume"), null);
  assert.deepEqual(next.untaken, []);
});

test("repeated messages are delivered once", async () => {
  const { client, peer } = await online();
  for (const seq of [1, 2, 2, 1, 3]) peer.say(message(seq));
  await until(() => client.seqs().includes(3), "the last message");
  assert.deepEqual(client.seqs(), [1, 2, 3]);
});

test("a hole is filled from the history, in order, before what came after it", async () => {
  const { client, peer } = await online();
  peer.say(message(1));
  peer.say(message(4));
  const question = await peer.frame("history");
  assert.equal(question.after, 1);
  assert.deepEqual(client.seqs(), [1]);
  peer.say({ type: "page", id: question.id, conversation: "d:1:2", first: 1, messages: [message(2), message(3), message(4)], more: false });
  await until(() => client.seqs().length === 4, "all messages");
  assert.deepEqual(client.seqs(), [1, 2, 3, 4]);
});

test("a hole that may be an own message waits for the receipt instead of asking", async () => {
  const { client, peer } = await online({ limits: { holeWaitMs: 1_000 } });
  peer.say(message(1));
  client.send({ user: "2" }, "two").catch(() => {});
  const send = await peer.frame("send");
  peer.say(message(3));
  peer.say({ type: "receipt", id: send.id, conversation: "d:1:2", seq: 2, message_id: "m2", time: 1 });
  await until(() => client.seqs().length === 2, "both messages");
  assert.deepEqual(client.seqs(), [1, 3]);
  assert.deepEqual(peer.untaken, []);
});

test("a hole whose conversation is closed to us is given up, said, and does not block", async () => {
  const { client, peer } = await online();
  peer.say(message(1));
  peer.say(message(4));
  const question = await peer.frame("history");
  peer.say({ type: "error", id: question.id, code: "forbidden", reason: "not a member" });
  await until(() => client.seen.error.length === 1, "the error");
  assert.equal(client.seen.error[0].code, "forbidden");
  assert.equal(client.seen.error[0].about.conversation, "d:1:2");
});

test("behind is filled page by page, and live messages wait for their turn", async () => {
  const { client, peer } = await online();
  peer.say(message(1));
  await until(() => client.seqs().length === 1, "the first message");
  peer.crash();
  const next = await server.peer();
  const hello = await next.frame("hello");
  next.welcome();
  next.say({ type: "behind", conversation: "d:1:2", after: 1, head: 5 });
  next.say({ type: "ready", id: hello.id });
  next.say(message(6));
  const first = await next.frame("history");
  assert.equal(first.after, 1);
  next.say({ type: "page", id: first.id, conversation: "d:1:2", first: 1, messages: [message(2), message(3)], more: true });
  const second = await next.frame("history");
  assert.equal(second.after, 3);
  next.say({ type: "page", id: second.id, conversation: "d:1:2", first: 1, messages: [message(4), message(5), message(6)], more: false });
  await until(() => client.seqs().length === 6, "all messages");
  assert.deepEqual(client.seqs(), [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(client.seen.behind, [{ conversation: "d:1:2", after: 1, head: 5, forget: false }]);
});

test("behind is left to the application that wants it so, and live goes on after the head", async () => {
  const { client, peer } = await online({ behind: "skip" });
  peer.say(message(1));
  peer.say({ type: "behind", conversation: "d:1:2", after: 1, head: 900 });
  peer.say(message(901));
  await until(() => client.seqs().length === 2, "the live message");
  assert.deepEqual(client.seqs(), [1, 901]);
  assert.deepEqual(peer.untaken, []);
});

test("a restored server says behind from 0, and everything held is void", async () => {
  const { client, peer } = await online();
  peer.say(message(50));
  await until(() => client.seqs().length === 1, "the message");
  peer.crash();
  const next = await server.peer();
  const hello = await next.frame("hello");
  assert.equal(hello.epoch, "e1");
  next.welcome({ epoch: "e2" });
  next.say({ type: "behind", conversation: "d:1:2", after: 0, head: 2 });
  next.say({ type: "ready", id: hello.id });
  const question = await next.frame("history");
  assert.equal(question.after, 0);
  next.say({ type: "page", id: question.id, conversation: "d:1:2", first: 1, messages: [message(1), message(2)], more: false });
  await until(() => client.seqs().length === 3, "the restored messages");
  assert.deepEqual(client.seqs(), [50, 1, 2]);
  assert.equal(client.seen.behind[0].forget, true);
});

test("a refused resume is not repeated for ever: the next connection starts afresh", async () => {
  const { client, peer } = await online();
  peer.say(message(5));
  await until(() => client.seqs().length === 1, "the message");
  peer.crash();
  const next = await server.peer();
  const hello = await next.frame("hello");
  next.welcome();
  next.say({ type: "error", id: hello.id, code: "bad_field", reason: "have" });
  const afresh = await server.peer();
  assert.equal(afresh.url.searchParams.get("resume"), null);
});

test("a login elsewhere ends it, says why, and fails what waited", async () => {
  const { client, peer } = await online();
  const receipt = client.send({ user: "2" }, "unanswered");
  await peer.frame("send");
  peer.say({ type: "bye", code: 4500, reason: "replaced", reconnect: false });
  peer.close(4500, "replaced");
  await assert.rejects(receipt, { code: "stopped", closeCode: 4500 });
  assert.equal(client.state, "stopped");
  const { code, reason } = client.seen.state.at(-1);
  assert.deepEqual({ code, reason }, { code: 4500, reason: "replaced" });
  await assert.rejects(client.send({ user: "2" }, "later"), { code: "stopped" });
  await assert.rejects(client.history("d:1:2"), { code: "stopped" });

  await client.start();
  const next = await server.peer();
  next.welcome();
  await until(() => client.state === "online", "online again");
});

test("a bye ends it also where its close frame is lost on the way", async () => {
  const { client, peer } = await online();
  peer.say({ type: "bye", code: 4501, reason: "bad token", reconnect: false });
  peer.crash();
  await until(() => client.state === "stopped", "stopped");
  assert.equal(client.seen.state.at(-1).code, 4501);
});

test("every other end is followed by another attempt", async () => {
  const { client, peer } = await online();
  let last = peer;
  for (const code of [1001, 4000, 4001, 4004, 1011]) {
    last.close(code, "for now");
    last = await server.peer();
    last.welcome();
    await until(() => client.state === "online", `online after ${code}`);
  }
  const waits = client.seen.state.filter(({ state }) => state === "waiting");
  assert.deepEqual(waits.map(({ code }) => code), [1001, 4000, 4001, 4004, 1011]);
  assert.deepEqual(waits.map(({ attempt }) => attempt), [1, 2, 3, 4, 5]);
});

test("after 1009 the oldest unanswered send fails and the others go on", async () => {
  const { client, peer } = await online();
  const poison = client.send({ user: "2" }, "poison");
  const good = client.send({ user: "3" }, "good");
  await peer.frame("send");
  await peer.frame("send");
  peer.close(1009, "too big");
  await assert.rejects(poison, { code: "too_large", closeCode: 1009 });
  const next = await server.peer();
  next.welcome();
  const again = await next.keep(1, "d:1:3");
  assert.equal(again.content, "good");
  await good;
});

test("what is too large is refused before it costs the connection", async () => {
  const { client, peer } = await online();
  await assert.rejects(client.send({ user: "2" }, "好".repeat(20_000)), { code: "too_large" });
  await assert.rejects(client.send({ user: "no id" }, "text"), { code: "bad_argument" });
  await assert.rejects(client.send({ user: "2", group: "g" }, "text"), { code: "bad_argument" });
  await assert.rejects(client.send({ user: "2" }, undefined), { code: "bad_argument" });
  assert.equal(client.state, "online");
  assert.deepEqual(peer.untaken, []);
});

test("a dead socket is noticed by a ping without an answer", async () => {
  const { client, peer } = await online({ limits: { pingEveryMs: 30, pongTimeoutMs: 60 } });
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(client.seen.state.length, 2, "an answered ping changes nothing");
  peer.playDead();
  const next = await server.peer();
  next.welcome();
  assert.equal(client.seen.state.find(({ state }) => state === "waiting").code, 4002);
});

test("a socket that still brings messages is not dead, however late its pong is", async () => {
  const { client, peer } = await online({ limits: { pingEveryMs: 20, pongTimeoutMs: 100 } });
  peer.playDead();
  for (let seq = 1; seq <= 20; seq += 1) {
    peer.say(message(seq));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(client.state, "online");
  assert.equal(client.seqs().length, 20);
});

test("the network coming back cuts the wait, and tests a socket at once", async () => {
  const scope = new EventTarget();
  for (const name of ["addEventListener", "removeEventListener"]) globalThis[name] = scope[name].bind(scope);
  try {
    const { client, peer } = await online({ limits: { backoffFirstMs: 600_000, backoffMaxMs: 600_000, probeTimeoutMs: 50 } });
    peer.playDead();
    scope.dispatchEvent(new Event("online"));
    await until(() => client.state === "waiting", "the dead socket noticed");
    scope.dispatchEvent(new Event("online"));
    const next = await server.peer();
    next.welcome();
    await until(() => client.state === "online", "online again");
    client.close();
  } finally {
    delete globalThis.addEventListener;
    delete globalThis.removeEventListener;
  }
});

test("no welcome in time is a failed attempt", async () => {
  const client = newClient({ limits: { connectTimeoutMs: 40 } });
  await client.start();
  await server.peer();
  const next = await server.peer();
  next.welcome();
  await until(() => client.state === "online", "online");
});

test("a refusal for the rate is repeated after its time, in order and under the same id", async () => {
  const { client, peer } = await online();
  const receipts = [client.send({ user: "2" }, "one"), client.send({ user: "2" }, "two")];
  const refused = await peer.frame("send");
  peer.say({ type: "error", id: refused.id, code: "too_many_requests", reason: "slow down", retry_ms: 30 });
  assert.deepEqual(await peer.keep(1), refused);
  assert.equal((await peer.keep(2)).content, "two");
  await Promise.all(receipts);
});

test("a refusal for good rejects with its code and lets the next one go", async () => {
  const { client, peer } = await online();
  const first = client.send({ group: "closed" }, "one");
  const second = client.send({ group: "closed" }, "two");
  const { id } = await peer.frame("send");
  peer.say({ type: "error", id, code: "forbidden", reason: "not a member" });
  await assert.rejects(first, { name: "Fault", code: "forbidden", reason: "not a member", retryMs: null });
  await peer.keep(1, "g:closed");
  await second;
});

test("a send that the server forgot to answer is sent again", async () => {
  const { client, peer } = await online({ limits: { pingEveryMs: 30 } });
  const receipt = client.send({ user: "2" }, "lost inside");
  const first = await peer.frame("send");
  assert.deepEqual(await peer.keep(1), first);
  await receipt;
});

test("a burst of offline sends stays under the server's rate", async () => {
  const client = newClient({ limits: { sendsPerSecond: 100, sendsBurst: 3 } });
  const receipts = Array.from({ length: 6 }, (_, index) => client.send({ user: String(index + 2) }, index));
  await client.start();
  const peer = await server.peer();
  peer.welcome();
  const times = [];
  for (let index = 0; index < 6; index += 1) {
    await peer.keep(1, `d:1:${index + 2}`);
    times.push(Date.now());
  }
  await Promise.all(receipts);
  assert.ok(times[5] - times[0] >= 20, `three sends above the burst took ${times[5] - times[0]} ms`);
});

test("requests resolve, reject with the server's code, and survive a lost connection", async () => {
  const { client, peer } = await online();
  const list = client.conversations({ limit: 5 });
  const question = await peer.frame("conversations");
  assert.equal(question.limit, 5);
  peer.say({ type: "conversations", id: question.id, conversations: [{ conversation: "g:g1", head: 0, unread: 0, read: 0 }] });
  assert.equal((await list).conversations.length, 1);

  const refused = client.join("g1");
  const join = await peer.frame("join");
  peer.say({ type: "error", id: join.id, code: "not_found", reason: "no such group" });
  await assert.rejects(refused, { code: "not_found" });

  const page = client.history("d:1:2", { before: 10 });
  const first = await peer.frame("history");
  peer.crash();
  const next = await server.peer();
  next.welcome();
  assert.deepEqual(await next.frame("history"), first);
  next.say({ type: "page", id: first.id, conversation: "d:1:2", first: 1, messages: [message(9)], more: true });
  assert.equal((await page).messages[0].seq, 9);
});

test("a request without an answer fails in time", async () => {
  const { client } = await online({ limits: { requestTimeoutMs: 30 } });
  await assert.rejects(client.history("d:1:2"), { code: "timeout" });
});

test("what was read is told again where the connection may have lost it", async () => {
  const { client, peer } = await online();
  client.read("d:1:2", 5);
  client.read("d:1:2", 5);
  client.read("d:1:2", 4);
  assert.deepEqual(await peer.frame("read"), { type: "read", conversation: "d:1:2", seq: 5 });
  assert.deepEqual(peer.untaken, []);
  peer.crash();
  const next = await server.peer();
  next.welcome();
  assert.deepEqual(await next.frame("read"), { type: "read", conversation: "d:1:2", seq: 5 });
});

test("signals go out only when someone can hear them", async () => {
  const client = newClient();
  assert.equal(client.signal({ user: "2" }, { typing: true }), false);
  await client.start();
  const peer = await server.peer();
  peer.welcome();
  await until(() => client.state === "online", "online");
  assert.equal(client.signal({ user: "2" }, { typing: true }), true);
  assert.deepEqual(await peer.frame("send"), { type: "send", to: { user: "2" }, content: { typing: true }, signal: true });
  peer.say({ type: "signal", from: "2", to: { user: "1" }, content: { typing: true }, time: 1 });
  peer.say({ type: "read", conversation: "d:1:2", user: "2", seq: 3 });
  await until(() => client.seen.read.length === 1, "the read");
  assert.equal(client.seen.signal.length, 1);
});

test("a token from a function is fetched for every connection and renewed before it ends", async () => {
  let count = 0;
  const token = () => {
    count += 1;
    return `x.${Buffer.from(JSON.stringify({ exp: Math.floor(Date.now() / 1000) + 60, count })).toString("base64url")}.y`;
  };
  const { client, peer } = await online({ token, limits: { tokenRefreshMs: 59_500 } });
  assert.equal(count, 1);
  const hello = await peer.frame("hello");
  assert.equal(count, 2);
  assert.equal(hello.have, undefined);
  peer.say({ type: "ready", id: hello.id, expires: Date.now() + 3_600_000 });
  peer.say({ type: "bye", code: 4005, reason: "token expired", reconnect: true });
  peer.close(4005);
  const next = await server.peer();
  assert.equal(count, 3);
  next.welcome();
  await until(() => client.state === "online", "online again");
});

test("a token that cannot be had is another attempt later", async () => {
  let fails = true;
  const client = newClient({
    token: () => {
      if (fails) throw new Error("login server is away");
      return "token";
    },
  });
  await client.start();
  await until(() => client.state === "waiting", "waiting");
  assert.match(client.seen.state.at(-1).reason, /login server is away/);
  fails = false;
  const peer = await server.peer();
  assert.deepEqual(peer.protocols, ["trunkline.v1", "bearer.token"]);
});

test("positions and unsent sends outlive the page", async () => {
  let saved = null;
  const storage = { load: () => saved, save: (state) => (saved = structuredClone(state)) };
  const { client, peer } = await online({ storage });
  peer.say(message(5));
  await until(() => saved?.have["d:1:2"] === 5, "the position is saved");
  client.send({ user: "2" }, "unsent").catch(() => {});
  const first = await peer.frame("send");
  const left = structuredClone(saved);
  assert.equal(left.unsent.length, 1);
  peer.crash();

  const successor = newClient({ storage: { load: async () => left, save: (state) => (saved = state) } });
  client.close();
  const later = successor.send({ user: "2" }, "newer");
  await successor.start();
  let next = await server.peer();
  while ((await Promise.race([next.frame("hello"), next.closed])).type !== "hello") next = await server.peer();
  next.welcome();
  assert.deepEqual(await next.keep(6), first);
  assert.equal((await next.keep(7)).content, "newer");
  await later;
  assert.deepEqual(successor.seen.receipt.map(({ seq }) => seq), [6, 7]);
  assert.deepEqual(saved.unsent, []);
});

test("a storage that fails costs only the memory", async () => {
  const storage = {
    load: () => null,
    save: () => {
      throw new Error("quota exceeded");
    },
  };
  const { client, peer } = await online({ storage });
  const receipt = client.send({ user: "2" }, "text");
  await peer.keep(1);
  await receipt;
  assert.equal(client.seen.error[0].code, "storage");
});

test("with a server that keeps nothing, sent is the answer, groups are joined again, repeats dropped", async () => {
  const { client, peer } = await online({}, { store: "none", epoch: undefined });
  const sent = client.send({ user: "2" }, "text");
  const { id } = await peer.frame("send");
  peer.say({ type: "sent", id, message_id: "m1", time: 1, reach: "posted" });
  assert.equal((await sent).reach, "posted");

  const joined = client.join("g1");
  const join = await peer.frame("join");
  peer.say({ type: "members", id: join.id, group: "g1", joined: ["1"], left: [] });
  await joined;

  for (let repeat = 0; repeat < 2; repeat += 1) peer.say({ ...message(1), seq: undefined });
  peer.say({ ...message(2), seq: undefined });
  await until(() => client.seen.message.length === 2, "both messages");

  peer.crash();
  const next = await server.peer();
  assert.equal(next.url.searchParams.get("resume"), null);
  next.welcome({ store: "none" });
  assert.equal((await next.frame("join")).group, "g1");
  assert.equal(client.keepsNothing, true);
});

test("what waits unread is told, and live goes on after it", async () => {
  const { client, peer } = await online({}, { unread: [{ conversation: "d:1:2", unread: 3, head: 17 }] });
  assert.deepEqual(client.seen.unread, [{ 0: { conversation: "d:1:2", unread: 3, head: 17 }, about: { more: false } }]);
  peer.say(message(18));
  await until(() => client.seqs().length === 1, "the live message");
  assert.deepEqual(client.seqs(), [18]);
});

test("an answer that came while away is delivered also where nothing but an own message was known", async () => {
  const { client, peer } = await online();
  client.send({ user: "2" }, "a question").catch(() => {});
  await peer.keep(57);
  await until(() => client.unsent === 0, "the receipt");
  peer.crash();
  const next = await server.peer();
  next.welcome({ unread: [{ conversation: "d:1:2", unread: 1, head: 58 }] });
  const question = await next.frame("history");
  assert.equal(question.after, 57);
  next.say({ type: "page", id: question.id, conversation: "d:1:2", first: 1, messages: [message(58)], more: false });
  await until(() => client.seqs().length === 1, "the answer");
  assert.deepEqual(client.seqs(), [58]);
});

test("garbage from the server costs the connection, not the client", async () => {
  const { client, peer } = await online();
  peer.raw("{");
  const next = await server.peer();
  next.welcome();
  await until(() => client.state === "online", "online again");
});

test("a client in the wrong place says so at once", () => {
  assert.throws(() => new Client({ url: server.url, user: "小明", WebSocket }), { code: "bad_argument" });
  assert.throws(() => new Client({ url: server.url, user: "1", device: "two words", WebSocket }), { code: "bad_argument" });
  for (const url of ["127.0.0.1:8080/ws", "localhost:8080/ws", undefined]) {
    assert.throws(() => new Client({ url, user: "1", WebSocket }), { code: "bad_argument" }, String(url));
  }
  if (globalThis.WebSocket === undefined) assert.throws(() => new Client({ url: server.url, user: "1" }), /no WebSocket/);
});
