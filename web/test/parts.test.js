/**
 * @file The parts of the page that need no browser.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { isId } from "../../clients/js/src/index.js";
import { pageModule } from "./page-modules.js";

const { idFromName, nameFromId, tidyName } = await pageModule("names.js");
const { textOf, senderNameOf, contentOf } = await pageModule("content.js");
const { Timeline, KEPT_MAX } = await pageModule("timeline.js");
const { Conversation } = await pageModule("conversation.js");
const { WORDS, pickLanguage } = await pageModule("words.js");
const { isSameDay, listTime } = await pageModule("times.js");

test("every name becomes an id, the same each time, and different names different ids", () => {
  const names = ["1", "Alice", "alice", "小明", "小名", "Alice Smith", "José", "👩‍👩‍👧", "~tilde", "~~", "a/b", "<b>", "名".repeat(60), "名".repeat(59) + "字", "名".repeat(59) + "子"];
  const ids = names.map(idFromName);
  for (const id of ids) assert.ok(isId(id), id);
  assert.equal(new Set(ids).size, names.length);
  assert.deepEqual(names.map(idFromName), ids);
});

test("a name that can be an id is one", () => {
  for (const name of ["1", "Alice", "a.b_c~d@e-f", "x".repeat(64)]) assert.equal(idFromName(name), name);
});

test("an id tells the name that it was made from", () => {
  for (const name of ["小明", "Alice Smith", "José", "👩‍👩‍👧", "~tilde", "名".repeat(15)]) assert.equal(nameFromId(idFromName(name)), name);
  assert.match(nameFromId(idFromName("名".repeat(60))), /^名{10,}…$/);
  for (const id of ["1", "Alice", "~%", "~abc", "~"]) assert.equal(nameFromId(id), id);
});

test("spaces and composed characters do not make another person", () => {
  assert.equal(idFromName("  Alice   Smith "), idFromName("Alice Smith"));
  assert.equal(idFromName("Jose\u0301"), idFromName("Jos\u00e9"));
  assert.equal(tidyName(" \n\t "), "");
});

test("any content shows as some text", () => {
  assert.equal(textOf("plain"), "plain");
  assert.equal(textOf({ text: "hi", name: "A" }), "hi");
  for (const content of [null, 1, true, [], {}, { text: 5 }]) assert.equal(textOf(content), JSON.stringify(content));
});

test("a sender's own name is tidied and bounded, and nothing else is taken for one", () => {
  assert.equal(senderNameOf({ name: " A\n B " }), "A B");
  assert.equal(senderNameOf({ name: "x".repeat(1_000) }).length, 60);
  for (const content of [null, "x", { name: 5 }, { name: "  " }, {}]) assert.equal(senderNameOf(content), null);
  assert.deepEqual(contentOf("hi", "小明"), { text: "hi", name: "小明" });
});

const message = (seq, fields = {}) => ({ conversation: "d:1:2", seq, from: "2", content: { text: String(seq) }, time: seq, ...fields });
const places = (timeline) => timeline.kept.map(({ place }) => place);

test("a timeline is ascending and has each message once, however they come", () => {
  const timeline = new Timeline();
  timeline.take(message(7));
  timeline.takePage({ messages: [message(5), message(6), message(7)], more: true }, "newest");
  assert.equal(timeline.take(message(7)), false);
  timeline.takePage({ messages: [message(3), message(4)], more: true }, "older");
  assert.deepEqual(places(timeline), [3, 4, 5, 6, 7]);
  assert.equal(timeline.hasOlder, true);
  timeline.takePage({ messages: [message(1), message(2)], more: false }, "older");
  assert.equal(timeline.hasOlder, false);
});

test("a newest page that does not touch what is here replaces it: a timeline has no holes", () => {
  const timeline = new Timeline();
  for (const seq of [1, 2, 3]) timeline.take(message(seq));
  timeline.takePage({ messages: [message(50), message(51)], more: true }, "newest");
  assert.deepEqual(places(timeline), [50, 51]);
  assert.equal(timeline.hasOlder, true);
});

test("a draft becomes a message by its receipt, or by the message itself, and never both", () => {
  const timeline = new Timeline();
  timeline.take(message(1));
  timeline.draft({ id: "a", content: { text: "A" }, time: 2 });
  timeline.draft({ id: "b", content: { text: "B" }, time: 3 });
  timeline.receipt({ id: "a", seq: 2, time: 2 }, "1");
  timeline.take(message(2, { from: "1", id: "a" }));
  timeline.take(message(3, { from: "1", id: "b" }));
  assert.equal(timeline.receipt({ id: "b", seq: 3, time: 3 }, "1"), null);
  assert.deepEqual(places(timeline), [1, 2, 3]);
  assert.deepEqual(timeline.drafts, []);
});

test("a timeline is bounded and knows that there is more above", () => {
  const timeline = new Timeline();
  timeline.hasOlder = false;
  for (let seq = 1; seq <= KEPT_MAX + 10; seq += 1) timeline.take(message(seq));
  assert.equal(timeline.kept.length, KEPT_MAX);
  assert.equal(timeline.first.place, 11);
  assert.equal(timeline.hasOlder, true);
});

test("where the server keeps nothing, messages stand in the order they came", () => {
  const timeline = new Timeline();
  timeline.take({ ...message(undefined), content: "one" });
  timeline.draft({ id: "a", content: "two", time: 2 });
  timeline.receipt({ id: "a", time: 2, reach: "posted" }, "1");
  timeline.take({ ...message(undefined), content: "three" });
  assert.deepEqual(timeline.kept.map(({ content }) => content), ["one", "two", "three"]);
});

test("unread counts others' messages above one's own mark", () => {
  const conversation = new Conversation("d:1:2", "1");
  conversation.listed({ head: 5, unread: 2, read: 3 });
  conversation.take(message(6));
  conversation.take(message(6));
  conversation.take(message(7, { from: "1", id: "other device" }));
  assert.equal(conversation.unread, 3);
  conversation.readTo(6);
  assert.equal(conversation.unread, 0);
  conversation.readTo(7);
  conversation.readTo(2);
  assert.equal(conversation.read, 7);
});

test("what the other has read only grows, and marks what lies at or below it", () => {
  const conversation = new Conversation("d:1:2", "1");
  assert.equal(conversation.mark("2", 5), true);
  assert.equal(conversation.mark("2", 4), false);
  assert.deepEqual(conversation.readersOf(5), ["2"]);
  assert.deepEqual(conversation.readersOf(6), []);
});

test("somebody types until he has sent, or for a while", () => {
  const conversation = new Conversation("d:1:2", "1");
  conversation.types("2", 1_000);
  assert.deepEqual(conversation.typists(2_000), ["2"]);
  conversation.take(message(1));
  assert.deepEqual(conversation.typists(2_000), []);
  conversation.types("2", 1_000);
  assert.deepEqual(conversation.typists(60_000), []);
});

test("the page says the same things in both languages", () => {
  assert.deepEqual(Object.keys(WORDS.zh), Object.keys(WORDS.en));
  const blanks = (words) => [...words.matchAll(/\{\w+\}/g)].map(([blank]) => blank).sort();
  for (const key of Object.keys(WORDS.en)) assert.deepEqual(blanks(WORDS.zh[key]), blanks(WORDS.en[key]), key);
});

test("the first language of the person's that the page speaks is taken", () => {
  assert.equal(pickLanguage(["fr-FR", "zh-TW", "en"]), "zh");
  assert.equal(pickLanguage(["en-GB", "zh"]), "en");
  assert.equal(pickLanguage(["fr"]), "en");
  assert.equal(pickLanguage([]), "en");
});

test("a time of today is a clock time, an older one is not", () => {
  const now = Date.now();
  assert.match(listTime(now), /\d/);
  assert.doesNotMatch(listTime(now - 3 * 86_400_000), /:/);
  assert.ok(isSameDay(now, now));
  assert.ok(!isSameDay(now, now - 86_400_000));
});
