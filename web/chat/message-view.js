/**
 * @file The lines of a conversation: messages, days, what is new, who came and went.
 *
 * Promises: one drawing per line, with a key that stays the same from the first attempt to send to the read mark.
 * Does not: decide the order; the timeline does.
 */

import { avatar, el, icon, withLinks } from "./elements.js";
import { textOf } from "./content.js";
import { clockTime, dayName, fullTime, isSameDay } from "./times.js";
import { say } from "./words.js";

/** Messages of one sender within this time stand together. */
const TOGETHER_MS = 5 * 60_000;
/** Names in a tooltip. */
const READERS_MAX = 20;

/**
 * @typedef {import("./drawn.js").Drawing} Drawing
 * @typedef {{again: (id: string) => void, discard: (id: string) => void}} Actions
 */

/**
 * @param {import("./conversation.js").Conversation} conversation
 * @param {import("./chat.js").Chat} chat
 * @param {Actions} actions
 * @returns {Drawing[]}
 */
export function linesOf(conversation, chat, actions) {
  const { timeline, divider } = conversation;
  /** @type {Drawing[]} */
  const lines = [];
  const notes = [...timeline.notes];
  /** @type {any} */
  let before = null;
  let isDivided = divider === null;
  const noteBefore = (/** @type {number} */ place) => {
    while (notes.length > 0 && notes[0].place < place) lines.push(noteLine(/** @type {any} */ (notes.shift()), chat));
  };
  for (const line of [...timeline.kept.map(keptLine), ...timeline.drafts.map((draft) => draftLine(draft, chat.user))]) {
    noteBefore(line.place);
    const startsDay = before === null || !isSameDay(before.time, line.time);
    if (startsDay) lines.push(dayLine(line.time));
    const startsNew = !isDivided && line.place >= /** @type {any} */ (divider).place && line.from !== chat.user;
    if (startsNew) {
      isDivided = true;
      lines.push(dividerLine(/** @type {any} */ (divider).absence > 0));
    }
    const isFirst = startsDay || startsNew || before.from !== line.from || line.time - before.time > TOGETHER_MS;
    lines.push(messageLine(line, isFirst, conversation, chat, actions));
    before = line;
  }
  noteBefore(Infinity);
  return lines;
}

/** @param {import("./timeline.js").Kept} kept */
function keptLine(kept) {
  return { ...kept, key: kept.id === null ? `place ${kept.place}` : `own ${kept.id}`, fault: null, isDraft: false };
}

/**
 * @param {import("./timeline.js").Draft} draft
 * @param {string} user
 */
function draftLine(draft, user) {
  return { ...draft, key: `own ${draft.id}`, place: Infinity, seq: null, from: user, reach: null, isDraft: true };
}

/**
 * @param {any} line
 * @param {boolean} isFirst
 * @param {import("./conversation.js").Conversation} conversation
 * @param {import("./chat.js").Chat} chat
 * @param {Actions} actions
 * @returns {Drawing}
 */
function messageLine(line, isFirst, conversation, chat, actions) {
  const isOwn = line.from === chat.user;
  const name = isOwn ? say("you") : chat.people.nameOf(line.from);
  const fate = isOwn ? fateOf(line, conversation, chat) : null;
  const text = textOf(line.content);
  const withFace = conversation.isGroup && !isOwn;
  return {
    key: line.key,
    looks: JSON.stringify([text, isFirst, name, fate, line.time, withFace]),
    draw: () => {
      const words = el("p", { class: "words", dir: "auto", testid: "text" }, ...withLinks(text));
      const meta = el("span", { class: "meta" }, el("time", { datetime: new Date(line.time).toISOString(), title: fullTime(line.time), text: clockTime(line.time) }), fate && fateMark(fate));
      const author = withFace && isFirst ? el("span", { class: "author", text: name, title: line.from }) : el("span", { class: "unseen", text: `${name}: ` });
      return el(
        "li",
        { class: `line${isOwn ? " is-own" : ""}${isFirst ? " is-first" : ""}${line.isDraft ? " is-draft" : ""}`, testid: "message", "data-own": isOwn, "data-fate": fate?.kind ?? null, "data-place": line.isDraft ? null : line.place },
        withFace && (isFirst ? avatar(name, line.from) : el("span", { class: "avatar-room" })),
        el("div", { class: "bubble" }, author, words, meta),
        line.fault && faultRow(line, chat, conversation, actions),
      );
    },
  };
}

/**
 * What became of an own message.
 * @returns {{kind: keyof typeof FATE_ICONS, words: string, count: number}}
 * @param {any} line
 * @param {import("./conversation.js").Conversation} conversation
 * @param {import("./chat.js").Chat} chat
 */
function fateOf(line, conversation, chat) {
  if (line.fault !== null) return { kind: "refused", words: say("refused", { why: whyOf(line.fault, conversation, chat) }), count: 0 };
  if (line.isDraft) return { kind: "waiting", words: say("waiting"), count: 0 };
  if (line.reach === "nobody") return { kind: "kept", words: say("nobodyThere"), count: 0 };
  if (line.reach !== null) return { kind: "kept", words: say("passedOn"), count: 0 };
  const readers = conversation.readersOf(line.place);
  if (readers.length === 0) return { kind: "kept", words: say("kept"), count: 0 };
  if (!conversation.isGroup) return { kind: "read", words: say("read"), count: 0 };
  return { kind: "read", words: say("readBy", { names: readers.slice(0, READERS_MAX).map((user) => chat.people.nameOf(user)).join(", ") }), count: readers.length };
}

const FATE_ICONS = /** @type {const} */ ({ waiting: "clock", kept: "tick", read: "ticks", refused: "alert" });

/** @param {{kind: keyof typeof FATE_ICONS, words: string, count: number}} fate */
function fateMark({ kind, words, count }) {
  return el("span", { class: `fate is-${kind}`, title: words }, icon(FATE_ICONS[kind], words), count > 0 && el("span", { text: String(count) }));
}

/**
 * @param {any} line
 * @param {import("./chat.js").Chat} chat
 * @param {import("./conversation.js").Conversation} conversation
 * @param {Actions} actions
 */
function faultRow(line, chat, conversation, actions) {
  return el(
    "div",
    { class: "fault", role: "alert", testid: "fault" },
    el("span", { text: say("refused", { why: whyOf(line.fault, conversation, chat) }) }),
    el("button", { class: "quiet", type: "button", text: say("again"), testid: "resend", on: { click: () => actions.again(line.id) } }),
    el("button", { class: "quiet", type: "button", text: say("discard"), on: { click: () => actions.discard(line.id) } }),
  );
}

const WHY = /** @type {const} */ ({ forbidden: "whyForbidden", not_found: "whyNotFound", too_large: "whyTooLarge", offline: "whyOffline", stopped: "whyStopped" });

/**
 * @param {import("../client/index.js").Fault} fault
 * @param {import("./conversation.js").Conversation} conversation
 * @param {import("./chat.js").Chat} chat
 */
function whyOf(fault, conversation, chat) {
  const key = WHY[/** @type {keyof typeof WHY} */ (fault.code)] ?? "whyOther";
  return say(key, { reason: fault.reason || fault.code, name: chat.titleOf(conversation) });
}

/**
 * @param {number} time
 * @returns {Drawing}
 */
function dayLine(time) {
  const words = dayName(time);
  return { key: `day ${new Date(time).toDateString()}`, looks: words, draw: () => el("li", { class: "day" }, el("span", { text: words })) };
}

/**
 * @param {boolean} wasAway
 * @returns {Drawing}
 */
function dividerLine(wasAway) {
  const words = say(wasAway ? "sinceAway" : "newMessages");
  return { key: "divider", looks: words, draw: () => el("li", { class: "divider", testid: "divider" }, el("span", { text: words })) };
}

/**
 * @param {import("./timeline.js").Note} note
 * @param {import("./chat.js").Chat} chat
 * @returns {Drawing}
 */
function noteLine({ place, who, what, time }, chat) {
  const words = say(what, { name: chat.people.nameOf(who) });
  return { key: `note ${place} ${who} ${what} ${time}`, looks: words, draw: () => el("li", { class: "note", testid: "note", title: fullTime(time), text: words }) };
}
