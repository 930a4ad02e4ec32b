/**
 * @file The parts that decide, each by itself.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff } from "../src/backoff.js";
import { Emitter } from "../src/emitter.js";
import { watchEnvironment } from "../src/environment.js";
import { Fault, mayReconnect } from "../src/fault.js";
import { bytesOf, decode, encode, newId } from "../src/frames.js";
import { destinationOf, directConversation, isId } from "../src/ids.js";
import { LIMITS } from "../src/limits.js";
import { Outbox } from "../src/outbox.js";
import { Pace } from "../src/pace.js";
import { Positions } from "../src/positions.js";
import { Reads } from "../src/reads.js";
import { expiryOf, fitsSubprotocol } from "../src/token.js";
import { message } from "./fake-server.js";

const seqs = (messages) => messages.map(({ seq }) => seq);

test("the wait between attempts grows, is never more than its maximum, and never nothing", () => {
  const limits = { backoffFirstMs: 1_000, backoffMaxMs: 30_000 };
  const longest = new Backoff(limits, () => 1);
  assert.deepEqual(Array.from({ length: 7 }, () => longest.next()), [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  const shortest = new Backoff(limits, () => 0);
  assert.deepEqual(Array.from({ length: 3 }, () => shortest.next()), [200, 400, 800]);
  longest.reset();
  assert.equal(longest.next(), 1_000);
});

test("only close codes from 4500 to 4599 forbid to come back", () => {
  for (const code of [1000, 1001, 1002, 1006, 1009, 4000, 4001, 4005, 4499, 4600]) assert.equal(mayReconnect(code), true, String(code));
  for (const code of [4500, 4501, 4502, 4503, 4599]) assert.equal(mayReconnect(code), false, String(code));
});

test("an id is 1 to 64 characters of the alphabet", () => {
  for (const id of ["1", "a.b_c~d@e-f", "x".repeat(64)]) assert.ok(isId(id), id);
  for (const id of ["", "a b", "小明", "a:b", "a/b", "x".repeat(65), 1, null]) assert.ok(!isId(id), String(id));
});

test("a direct conversation has the same name from both ends, ordered by bytes", () => {
  assert.equal(directConversation("2", "10"), "d:10:2");
  assert.equal(directConversation("10", "2"), "d:10:2");
  assert.equal(directConversation("a", "B"), "d:B:a");
  assert.deepEqual(destinationOf("2", "d:10:2"), { user: "10" });
  assert.deepEqual(destinationOf("1", "d:1:1"), { user: "1" });
  assert.deepEqual(destinationOf("1", "g:team"), { group: "team" });
  assert.equal(destinationOf("3", "d:1:2"), null);
  assert.equal(destinationOf("1", "x:1"), null);
});

test("a frame starts with its type and is measured in bytes of UTF-8", () => {
  assert.equal(encode({ id: "1", type: "send", content: "好" }, 100), '{"type":"send","id":"1","content":"好"}');
  assert.equal(bytesOf("好"), 3);
  assert.throws(() => encode({ type: "send", content: "好".repeat(40) }, 100), { code: "too_large" });
});

test("what is no frame is seen as none", () => {
  for (const data of ["", "1", "null", "[]", "{}", '{"type":1}', "{", new Uint8Array(2)]) assert.equal(decode(data), null);
  assert.equal(decode('{"type":"pong"}').type, "pong");
});

test("ids have 128 random bits", () => {
  const ids = new Set(Array.from({ length: 1_000 }, newId));
  assert.equal(ids.size, 1_000);
  for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/);
});

test("messages leave in order and once, whatever order they come in", () => {
  const positions = new Positions(LIMITS);
  assert.deepEqual(seqs(positions.message(message(5)).deliver), [5]);
  assert.deepEqual(positions.message(message(5)), { deliver: [], hole: false });
  assert.deepEqual(positions.message(message(8)), { deliver: [], hole: true });
  assert.deepEqual(positions.message(message(7)), { deliver: [], hole: true });
  const last = positions.message(message(6));
  assert.deepEqual(seqs(last.deliver), [6, 7, 8]);
  assert.equal(last.hole, false);
  assert.deepEqual(positions.have(Infinity), { "d:1:2": 8 });
});

test("a receipt counts only when it is the next", () => {
  const positions = new Positions(LIMITS);
  positions.message(message(5));
  positions.receipt("d:1:2", 7);
  assert.equal(positions.at("d:1:2"), 5);
  assert.deepEqual(seqs(positions.message(message(6)).deliver), [6]);
  assert.equal(positions.at("d:1:2"), 7);
  positions.receipt("d:1:2", 8);
  assert.equal(positions.at("d:1:2"), 8);
});

test("a receipt in a conversation that nothing was pushed of claims nothing, but for the very first", () => {
  const positions = new Positions(LIMITS);
  positions.receipt("d:1:2", 57);
  positions.receipt("d:1:3", 1);
  assert.deepEqual(positions.have(Infinity), { "d:1:3": 1 });
  // What was sent before ours, and is still under way, must not be taken for old.
  assert.deepEqual(seqs(positions.message(message(56)).deliver), [56]);
  assert.equal(positions.at("d:1:2"), 57);
});

test("a receipt releases what waited for it", () => {
  const positions = new Positions(LIMITS);
  positions.message(message(5));
  assert.equal(positions.message(message(7)).hole, true);
  assert.deepEqual(seqs(positions.receipt("d:1:2", 6)), [7]);
});

test("an own message that its receipt told already is not told again", () => {
  const positions = new Positions(LIMITS);
  positions.message(message(5));
  positions.receipt("d:1:2", 7);
  assert.deepEqual(seqs(positions.fill("d:1:2", { messages: [message(6), message(7, { from: "1" }), message(8)], more: false })), [6, 8]);
});

test("a page that jumps over numbers closes the hole, and so does an empty one", () => {
  const positions = new Positions(LIMITS);
  positions.message(message(5));
  positions.message(message(20));
  assert.deepEqual(seqs(positions.fill("d:1:2", { messages: [message(12), message(13)], more: true })), [12, 13]);
  assert.equal(positions.hasHole("d:1:2"), true);
  assert.deepEqual(seqs(positions.fill("d:1:2", { messages: [], more: false })), [20]);
  assert.equal(positions.hasHole("d:1:2"), false);
});

test("an empty page that claims more ends the hole instead of asking for ever", () => {
  const positions = new Positions(LIMITS);
  positions.message(message(5));
  positions.message(message(20));
  assert.deepEqual(seqs(positions.fill("d:1:2", { messages: [], more: true })), [20]);
  assert.equal(positions.hasHole("d:1:2"), false);
});

test("the newest page of a conversation is enough to resume from, and does not swallow what is pushed", () => {
  const positions = new Positions(LIMITS);
  positions.newestPage("d:1:2", [message(55), message(56)]);
  assert.deepEqual(positions.have(Infinity), { "d:1:2": 56 });
  assert.deepEqual(seqs(positions.message(message(56)).deliver), [56]);
  assert.deepEqual(seqs(positions.message(message(57)).deliver), [57]);
});

test("what waits unread at the start is not a hole, what came after an own message is", () => {
  const positions = new Positions(LIMITS);
  assert.equal(positions.head("d:1:2", 17), false);
  assert.equal(positions.at("d:1:2"), 17);
  for (const seq of [57, 58]) positions.receipt("d:1:3", seq);
  assert.equal(positions.head("d:1:3", 60), true);
  assert.equal(positions.at("d:1:3"), 58);
});

test("have names the latest conversations and fits its bytes", () => {
  const positions = new Positions({ ...LIMITS, conversationsMax: 3 });
  for (const user of ["2", "3", "4", "5"]) positions.message(message(7, { conversation: `d:1:${user}` }));
  positions.message(message(8, { conversation: "d:1:3" }));
  assert.deepEqual(Object.keys(positions.have(Infinity)), ["d:1:3", "d:1:5", "d:1:4"]);
  const fitting = positions.have(24);
  assert.deepEqual(fitting, { "d:1:3": 8, "d:1:5": 7 });
  assert.ok(bytesOf(JSON.stringify(fitting)) - 2 <= 24);
});

test("an unfetched behind holds the position back, a skipped one does not", () => {
  const positions = new Positions(LIMITS);
  positions.message(message(5));
  assert.deepEqual(positions.behind("d:1:2", 5, 900, false), { forget: false, deliver: [] });
  positions.message(message(901));
  assert.deepEqual(positions.have(Infinity), { "d:1:2": 5 });
  assert.equal(positions.hasHole("d:1:2"), true);
  assert.deepEqual(seqs(positions.behind("d:1:2", 5, 900, true).deliver), [901]);
  assert.deepEqual(positions.have(Infinity), { "d:1:2": 901 });
});

test("a behind below what is held voids it", () => {
  const positions = new Positions(LIMITS);
  positions.message(message(50));
  assert.equal(positions.behind("d:1:2", 0, 3, false).forget, true);
  assert.deepEqual(seqs(positions.fill("d:1:2", { messages: [message(1), message(2), message(3)], more: false })), [1, 2, 3]);
});

function outboxWith(...sends) {
  const outbox = new Outbox(LIMITS);
  const ends = {};
  for (const [id, conversation] of sends) {
    outbox.add({ id, text: id, conversation, at: 0 }, (receipt) => (ends[id] = receipt), (fault) => (ends[id] = fault));
  }
  const write = (now = 0) => {
    const written = [];
    for (const send of outbox.due(now)) {
      outbox.written(send, 0);
      written.push(send.id);
    }
    return written;
  };
  return { outbox, ends, write };
}

test("one send of a conversation is under way at a time, conversations do not wait for each other", () => {
  const { outbox, ends, write } = outboxWith(["a1", "a"], ["a2", "a"], ["b1", "b"]);
  assert.deepEqual(write(), ["a1", "b1"]);
  assert.deepEqual(write(), []);
  outbox.answered("a1", { seq: 1 });
  assert.deepEqual(ends.a1, { seq: 1 });
  assert.deepEqual(write(), ["a2"]);
});

test("a refused send is not overtaken", () => {
  const { outbox, write } = outboxWith(["a1", "a"], ["a2", "a"]);
  write();
  assert.equal(outbox.refused("a1", new Fault("unavailable", "", { retryMs: 500 }), 1_000), "again");
  assert.deepEqual(write(1_499), []);
  assert.equal(outbox.retryInMs(1_400), 100);
  assert.deepEqual(write(1_500), ["a1"]);
});

test("a refusal without retry_ms fails the send, and so do too many with it", () => {
  const { outbox, ends, write } = outboxWith(["a1", "a"], ["a2", "a"]);
  write();
  assert.equal(outbox.refused("a1", new Fault("forbidden", ""), 0), "failed");
  assert.equal(ends.a1.code, "forbidden");
  for (let attempt = 1; attempt < LIMITS.sendAttemptsMax; attempt += 1) {
    assert.equal(outbox.refused("a2", new Fault("internal", "", { retryMs: 1 }), 0), "again");
  }
  assert.equal(outbox.refused("a2", new Fault("internal", "", { retryMs: 1 }), 0), "failed");
});

test("a lost connection makes everything due again, in the first order", () => {
  const { outbox, write } = outboxWith(["a1", "a"], ["b1", "b"], ["a2", "a"]);
  write();
  outbox.lost();
  assert.deepEqual(write(), ["a1", "b1"]);
});

test("a send that waited longer than the server remembers its id fails", () => {
  const { outbox, ends } = outboxWith(["a1", "a"]);
  outbox.failExpired(LIMITS.sendLifeMs);
  assert.equal(ends.a1, undefined);
  outbox.failExpired(LIMITS.sendLifeMs + 1);
  assert.equal(ends.a1.code, "expired");
});

test("the outbox is bounded", () => {
  const outbox = new Outbox({ ...LIMITS, outboxSendsMax: 1 });
  outbox.add({ id: "1", text: "", conversation: "a", at: 0 }, null, null);
  assert.throws(() => outbox.add({ id: "2", text: "", conversation: "a", at: 0 }, null, null), { code: "queue_full" });
});

test("the pace allows a burst, then its rate, and less after a refusal", () => {
  const pace = new Pace({ sendsPerSecond: 10, sendsBurst: 2 });
  pace.renew(0);
  pace.take();
  assert.equal(pace.waitMs(0), 0);
  pace.take();
  assert.equal(pace.waitMs(0), 100);
  assert.equal(pace.waitMs(100), 0);
  pace.take();
  pace.refused(100, 50);
  assert.equal(pace.waitMs(100), 50);
  assert.ok(pace.waitMs(150) > 100);
  for (let count = 0; count < 200; count += 1) pace.accepted();
  assert.equal(pace.waitMs(100_000), 0);
});

test("a pace of 0 is none", () => {
  const pace = new Pace({ sendsPerSecond: 0, sendsBurst: 1 });
  for (let count = 0; count < 100; count += 1) pace.take();
  assert.equal(pace.waitMs(0), 0);
});

test("a read is repeated until a later pong confirms it", () => {
  const reads = new Reads(LIMITS);
  assert.equal(reads.add("c", 5, 1), true);
  assert.equal(reads.add("c", 4, 1), false);
  reads.confirmed(1);
  assert.deepEqual(reads.repeat(), [{ conversation: "c", seq: 5 }]);
  reads.confirmed(1);
  assert.deepEqual(reads.repeat(), []);
});

test("the end of a token is read from it, where it says so", () => {
  const token = `x.${Buffer.from(JSON.stringify({ exp: 1_700_000_000 })).toString("base64url")}.y`;
  assert.equal(expiryOf(token), 1_700_000_000_000);
  assert.equal(expiryOf("opaque"), null);
  assert.equal(expiryOf("a.%%%.c"), null);
  assert.ok(fitsSubprotocol(token));
  assert.ok(!fitsSubprotocol("with space"));
});

test("the network and the person coming back are noticed, and no longer after the end", () => {
  const scope = new EventTarget();
  scope.document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const calls = [];
  const stop = watchEnvironment({ back: () => calls.push("back"), leaving: () => calls.push("leaving") }, scope);
  scope.dispatchEvent(new Event("online"));
  scope.document.dispatchEvent(new Event("visibilitychange"));
  scope.document.visibilityState = "hidden";
  scope.document.dispatchEvent(new Event("visibilitychange"));
  stop();
  scope.dispatchEvent(new Event("online"));
  assert.deepEqual(calls, ["back", "back", "leaving"]);
});

test("a listener that throws stops no other, and is not swallowed", (context) => {
  const reported = [];
  context.mock.method(globalThis, "queueMicrotask", (task) => reported.push(task));
  const emitter = new Emitter();
  const heard = [];
  emitter.on("message", () => {
    throw new Error("defect of the application");
  });
  const stop = emitter.on("message", (value) => heard.push(value));
  emitter.emit("message", 1);
  stop();
  emitter.emit("message", 2);
  assert.deepEqual(heard, [1]);
  assert.throws(reported[0], /defect of the application/);
});
