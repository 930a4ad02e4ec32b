/**
 * @file The client against a real `trunkline up`: three nodes, a gateway, messages in SQLite.
 */

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, afterEach, before, test } from "node:test";
import { WebSocket } from "ws";

import { Client, directConversation, groupConversation, newId } from "../src/index.js";
import { TrunklineUp } from "./trunkline-up.js";
import { until } from "./until.js";

const RECONNECT_PATIENCE_MS = 20_000;
const QUICK = { backoffFirstMs: 20, backoffMaxMs: 200 };

let server;
let clients = [];

before(async () => {
  server = await TrunklineUp.start();
});

after(async () => {
  await server?.stop();
});

afterEach(() => {
  for (const client of clients) client.close();
  clients = [];
});

/** Users of their own for every test: the data of the others is none of its business. */
function someone(name) {
  return `${name}-${newId().slice(0, 8)}`;
}

/** A socket that can be cut, and can lose a frame, from inside the test. */
function cuttableSocket() {
  const sockets = new Set();
  let loses = () => false;
  class Cuttable extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols);
      sockets.add(this);
    }

    set onmessage(listener) {
      super.onmessage = (event) => {
        if (!loses(JSON.parse(event.data))) listener(event);
      };
    }
  }
  return {
    Cuttable,
    cut: () => [...sockets].at(-1)?.terminate(),
    lose: (matches) => (loses = matches),
  };
}

async function online(user, options = {}) {
  const client = new Client({ url: server.url, user, WebSocket, ...options, limits: { ...QUICK, ...options.limits } });
  clients.push(client);
  client.messages = [];
  client.states = [];
  client.events = [];
  client.on("message", (message) => client.messages.push(message));
  client.on("state", (change) => client.states.push(change));
  for (const event of ["read", "signal", "members", "unread", "behind", "error"]) client.on(event, (value) => client.events.push({ event, value }));
  client.heard = (event) => client.events.filter((it) => it.event === event).map((it) => it.value);
  await client.start();
  await until(() => client.state === "online", `${user} online`, RECONNECT_PATIENCE_MS);
  return client;
}

const contents = (client) => client.messages.map(({ content }) => content);
const upTo = (count) => Array.from({ length: count }, (_, index) => index + 1);

test("two people on different nodes talk", async () => {
  const [a, b, c] = [someone("a"), someone("b"), someone("c")];
  const [alice, bob, carol] = [await online(a), await online(b), await online(c)];
  assert.ok(new Set([alice.node, bob.node, carol.node]).size > 1, "the gateway spreads sessions over nodes");

  const receipt = await alice.send({ user: b }, { text: "你好" });
  assert.equal(receipt.conversation, directConversation(a, b));
  assert.equal(receipt.seq, 1);
  await until(() => bob.messages.length === 1, "the message arrives");
  const { conversation, seq, from, to, content } = bob.messages[0];
  assert.deepEqual({ conversation, seq, from, to, content }, { conversation: receipt.conversation, seq: 1, from: a, to: { user: b }, content: { text: "你好" } });

  await bob.send({ user: a }, "back");
  await until(() => alice.messages.length === 1, "the answer arrives");
  assert.equal(alice.messages[0].seq, 2);
  assert.equal(carol.messages.length, 0);
});

test("what was sent while offline arrives first and in order", async () => {
  const [a, b] = [someone("a"), someone("b")];
  const bob = await online(b);
  const alice = new Client({ url: server.url, user: a, WebSocket });
  clients.push(alice);
  const receipts = upTo(30).map((content) => alice.send({ user: b }, content));
  await alice.start();
  assert.deepEqual((await Promise.all(receipts)).map(({ seq }) => seq), upTo(30));
  await until(() => bob.messages.length === 30, "all arrive");
  assert.deepEqual(contents(bob), upTo(30));
});

test("a send repeated under its id is kept once, and with another content refused", async () => {
  const [a, b] = [someone("a"), someone("b")];
  const [alice, bob] = [await online(a), await online(b)];
  const id = newId();
  const first = await alice.send({ user: b }, "once", { id });
  const again = await alice.send({ user: b }, "once", { id });
  assert.deepEqual([again.seq, again.message_id], [first.seq, first.message_id]);
  await assert.rejects(alice.send({ user: b }, "other", { id }), { code: "conflict" });
  await alice.send({ user: b }, "last");
  await until(() => contents(bob).includes("last"), "the last one arrives");
  assert.deepEqual(contents(bob), ["once", "last"]);
});

test("a client that loses its socket in mid-traffic gets everything once and in order", async () => {
  const [a, b] = [someone("a"), someone("b")];
  const { Cuttable, cut } = cuttableSocket();
  const alice = await online(a, { limits: { sendsPerSecond: 0 } });
  const bob = await online(b, { WebSocket: Cuttable });
  const count = 200;
  const writing = (async () => {
    for (const content of upTo(count)) {
      await server.post({ from: a, to: { user: b }, content });
      if (content % 20 === 0) cut();
    }
  })();
  await writing;
  await until(() => bob.messages.length >= count, "all arrive", RECONNECT_PATIENCE_MS);
  assert.deepEqual(contents(bob), upTo(count));
  assert.deepEqual(bob.messages.map(({ seq }) => seq), upTo(count));
  assert.ok(bob.states.filter(({ state }) => state === "waiting").length >= 5, "the socket was lost several times");
  await until(() => alice.messages.length === count, "the sender's own session is told what a service sent in his name");
});

test("a sender that loses its socket in mid-traffic sends everything once and in order", async () => {
  const [a, b] = [someone("a"), someone("b")];
  const { Cuttable, cut } = cuttableSocket();
  const alice = await online(a, { WebSocket: Cuttable });
  const bob = await online(b);
  const receipts = [];
  for (const content of upTo(40)) {
    receipts.push(alice.send({ user: b }, content));
    if (content % 8 === 0) {
      await until(() => alice.unsent < 4 || alice.state !== "online", "some have gone out");
      cut();
    }
  }
  assert.deepEqual((await Promise.all(receipts)).map(({ seq }) => seq), upTo(40));
  await until(() => bob.messages.length >= 40, "all arrive", RECONNECT_PATIENCE_MS);
  assert.deepEqual(contents(bob), upTo(40));
});

test("a message lost on its last metre is fetched from the history", async () => {
  const [a, b] = [someone("a"), someone("b")];
  const { Cuttable, lose } = cuttableSocket();
  const alice = await online(a);
  const bob = await online(b, { WebSocket: Cuttable });
  lose((frame) => frame.type === "message" && [2, 3].includes(frame.seq));
  for (const content of upTo(5)) await alice.send({ user: b }, content);
  await until(() => bob.messages.length === 5, "all arrive");
  assert.deepEqual(contents(bob), upTo(5));
});

test("who was away for more than is pushed reads the rest, in order, before what is new", async () => {
  const [a, b] = [someone("a"), someone("b")];
  const { Cuttable, cut } = cuttableSocket();
  const bob = await online(b, { WebSocket: Cuttable, limits: { backoffFirstMs: 600_000, backoffMaxMs: 600_000 } });
  await server.post({ from: a, to: { user: b }, content: 0 });
  await until(() => bob.messages.length === 1, "the first message");
  cut();
  await until(() => bob.state === "waiting", "away");
  const count = 620;
  for (const content of upTo(count)) await server.post({ from: a, to: { user: b }, content });
  bob.probe();
  await until(() => bob.messages.length === count + 1, "all arrive", RECONNECT_PATIENCE_MS);
  assert.deepEqual(contents(bob), [0, ...upTo(count)]);
  assert.equal(bob.heard("behind").length, 1);
  assert.equal(bob.heard("behind")[0].forget, false);
});

test("a second login with the same device ends the first and says why; another device stays", async () => {
  const a = someone("a");
  const first = await online(a, { device: "web" });
  const phone = await online(a, { device: "phone" });
  const second = await online(a, { device: "web" });
  await until(() => first.state === "stopped", "the first is ended");
  const { code, reason } = first.states.at(-1);
  assert.deepEqual({ code, reason }, { code: 4500, reason: "replaced" });
  await assert.rejects(first.send({ user: a }, "too late"), { code: "stopped", closeCode: undefined });
  assert.equal(second.state, "online");
  assert.equal(phone.state, "online");
});

test("one's own other devices are told, with the id of the send", async () => {
  const [a, b] = [someone("a"), someone("b")];
  const web = await online(a, { device: "web" });
  const phone = await online(a, { device: "phone" });
  const receipt = await web.send({ user: b }, "from the web");
  await until(() => phone.messages.length === 1, "the other device is told");
  assert.equal(phone.messages[0].id, receipt.id);
  assert.equal(phone.messages[0].from, a);
  assert.equal(web.messages.length, 0, "the session that sent it is not");
});

test("unread counts, read marks, history and the list agree", async () => {
  const [a, b] = [someone("a"), someone("b")];
  const conversation = directConversation(a, b);
  const alice = await online(a);
  for (const content of upTo(12)) await alice.send({ user: b }, content);

  const bob = await online(b);
  assert.deepEqual(bob.heard("unread").flat(), [{ conversation, unread: 12, head: 12 }]);
  assert.equal(bob.messages.length, 0, "what waits unread is named, not pushed");
  const newest = await bob.history(conversation, { limit: 5 });
  assert.deepEqual(newest.messages.map(({ seq }) => seq), [8, 9, 10, 11, 12]);
  assert.equal(newest.more, true);
  const older = await bob.history(conversation, { before: 8, limit: 200 });
  assert.deepEqual(older.messages.map(({ seq }) => seq), upTo(7));
  assert.equal(older.more, false);
  assert.equal(older.first, 1);

  bob.read(conversation, 10);
  await until(() => alice.heard("read").length === 1, "the sender is told");
  assert.deepEqual(alice.heard("read")[0], { type: "read", conversation, user: b, seq: 10 });
  const { conversations } = await bob.conversations();
  const { head, unread, read, last } = conversations.find((it) => it.conversation === conversation);
  assert.deepEqual({ head, unread, read, last: last.content }, { head: 12, unread: 2, read: 10, last: 12 });
});

test("a group reaches its members on every node, and those who left no more", async () => {
  const [a, b, c] = [someone("a"), someone("b"), someone("c")];
  const group = someone("g");
  const [alice, bob, carol] = [await online(a), await online(b), await online(c)];
  await alice.join(group);
  await bob.join(group);
  await until(() => alice.heard("members").some(({ joined }) => joined?.includes(b)), "members are told who joined");
  await assert.rejects(carol.send({ group }, "not mine"), { code: "forbidden" });
  await assert.rejects(carol.send({ group: someone("nowhere") }, "no such group"), { code: "not_found" });

  const receipt = await alice.send({ group }, "to all of you");
  assert.equal(receipt.conversation, groupConversation(group));
  await until(() => bob.messages.length === 1, "the member gets it");
  assert.equal(bob.messages[0].conversation, groupConversation(group));
  assert.equal(carol.messages.length, 0);

  await carol.join(group);
  await alice.send({ group }, "welcome");
  await until(() => carol.messages.length === 1 && bob.messages.length === 2, "the new member gets it too");
  assert.deepEqual(contents(carol), ["welcome"]);

  await bob.leave(group);
  await alice.send({ group }, "without bob");
  await until(() => carol.messages.length === 2, "the others get it");
  assert.equal(bob.messages.length, 2);
  await assert.rejects(bob.send({ group }, "still here?"), { code: "forbidden" });
});

test("a group member who loses the socket gets everything once and in order", async () => {
  const [a, b] = [someone("a"), someone("b")];
  const group = someone("g");
  const { Cuttable, cut } = cuttableSocket();
  const alice = await online(a);
  const bob = await online(b, { WebSocket: Cuttable });
  await alice.join(group);
  await bob.join(group);
  for (const content of upTo(60)) {
    await server.post({ from: a, to: { group }, content });
    if (content % 10 === 0) cut();
  }
  await until(() => bob.messages.length >= 60, "all arrive", RECONNECT_PATIENCE_MS);
  assert.deepEqual(contents(bob), upTo(60));
});

test("signals reach who is there and are kept nowhere", async () => {
  const [a, b] = [someone("a"), someone("b")];
  const [alice, bob] = [await online(a), await online(b)];
  assert.equal(alice.signal({ user: b }, { typing: true }), true);
  await until(() => bob.heard("signal").length === 1, "the signal arrives");
  assert.deepEqual([bob.heard("signal")[0].from, bob.heard("signal")[0].content], [a, { typing: true }]);
  const { conversations } = await bob.conversations();
  assert.deepEqual(conversations.filter(({ conversation }) => conversation.startsWith("d:")), []);
});

test("content is carried as it was written", async () => {
  const [a, b] = [someone("a"), someone("b")];
  const [alice, bob] = [await online(a), await online(b)];
  const values = ["", 0, -1.5, true, null, [], {}, [{ deep: { "键": "值" } }], "line\nbreak \u2028 \u0000 \"quote\" \\ 👩‍👩‍👧", "x".repeat(59_000)];
  for (const value of values) await alice.send({ user: b }, value);
  await until(() => bob.messages.length === values.length, "all arrive");
  assert.deepEqual(contents(bob), values);
  await assert.rejects(alice.send({ user: b }, "\ud800"), { code: "bad_content" });
});

test("after kill -9 and a restart on the same data nothing receipted is lost and nothing comes twice", async () => {
  const [a, b] = [someone("a"), someone("b")];
  const [alice, bob] = [await online(a), await online(b)];
  const before = upTo(20).map((content) => alice.send({ user: b }, content));
  await until(() => alice.unsent < 10, "half of them are kept");
  await server.kill();
  const during = [21, 22, 23].map((content) => alice.send({ user: b }, content));
  await until(() => alice.state === "waiting", "the loss is noticed");
  await server.start();
  const receipts = await Promise.all([...before, ...during]);
  assert.deepEqual(receipts.map(({ seq }) => seq), upTo(23));
  await until(() => bob.messages.length >= 23, "all arrive", RECONNECT_PATIENCE_MS);
  assert.deepEqual(contents(bob), upTo(23));
  const page = await bob.history(directConversation(a, b), { after: 0, limit: 200 });
  assert.deepEqual(page.messages.map(({ content }) => content), upTo(23));
});

test("where nothing is kept, sends are passed on, groups end with the session, and offline is said", async () => {
  const keeper = server;
  server = await TrunklineUp.start(["--store", "none"]);
  try {
    const [a, b] = [someone("a"), someone("b")];
    const group = someone("g");
    const { Cuttable, cut } = cuttableSocket();
    const [alice, bob] = [await online(a), await online(b, { WebSocket: Cuttable })];
    assert.equal(alice.keepsNothing, true);
    const sent = await alice.send({ user: b }, "hello");
    assert.ok(["delivered", "posted"].includes(sent.reach), sent.reach);
    await until(() => bob.messages.length === 1, "the message arrives");
    assert.equal(bob.messages[0].seq, undefined);
    await assert.rejects(alice.send({ user: someone("nobody") }, "hello"), { code: "offline" });
    await assert.rejects(alice.history(directConversation(a, b)), { code: "no_store" });

    await alice.join(group);
    await bob.join(group);
    cut();
    await until(() => bob.states.filter(({ state }) => state === "online").length === 2, "bob is back", RECONNECT_PATIENCE_MS);
    await until(async () => {
      await alice.send({ group }, "still with us?");
      return bob.messages.length > 1;
    }, "bob is in the group again");
  } finally {
    for (const client of clients) client.close();
    await server.stop();
    server = keeper;
  }
});

test("a token logs in on either road and is renewed before it ends; a bad one ends it and says why", async () => {
  const key = newId() + newId();
  const keeper = server;
  server = await TrunklineUp.start(["--set", `auth.keys=[{algorithm: HS256, key: "${key}"}]`]);
  try {
    const user = someone("a");
    for (const tokenIn of ["subprotocol", "hello"]) {
      const client = await online(user, { token: signedToken(user, 600, key), tokenIn });
      client.close();
      for (const token of [signedToken(user, 600, "another key"), signedToken(someone("b"), 600, key), signedToken(user, -600, key)]) {
        const refused = new Client({ url: server.url, user, WebSocket, token, tokenIn });
        const stopped = new Promise((resolve) => refused.on("state", (change) => change.state === "stopped" && resolve(change)));
        await refused.start();
        assert.equal((await stopped).code, 4501);
      }
    }
    let fetched = 0;
    const token = () => {
      fetched += 1;
      return signedToken(user, fetched === 1 ? 62 : 600, key);
    };
    const client = await online(user, { token, limits: { tokenRefreshMs: 60_000 } });
    await until(() => fetched === 2, "the token is renewed");
    await client.send({ user }, "still welcome");
    assert.deepEqual(client.heard("error"), []);
    assert.equal(client.states.filter(({ state }) => state === "waiting").length, 0);
  } finally {
    for (const client of clients) client.close();
    await server.stop();
    server = keeper;
  }
});

/** A JSON Web Token, as a login service makes them. */
function signedToken(user, lifeSeconds, key) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: user, exp: Math.floor(Date.now() / 1000) + lifeSeconds })}`;
  return `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
}
