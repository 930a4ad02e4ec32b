/**
 * @file The open conversation.
 *
 * Promises: what a person is looking at does not move, whatever comes above or below it; who is at the end stays at the end.
 * Does not: keep messages; it draws what the chat has.
 */

import { Composer } from "./composer.js";
import { Drawn } from "./drawn.js";
import { avatar, brandMark, el, icon, place } from "./elements.js";
import { linesOf } from "./message-view.js";
import { nameFromId } from "./names.js";
import { EVERYONE } from "./people.js";
import { say } from "./words.js";

/** This close to the end counts as being there. */
const END_PX = 56;
/** This close to the top, older messages are fetched. */
const TOP_PX = 320;
/** So much of a line in view counts as the line. */
const IN_VIEW_PX = 24;
/** Room left above the first new message. */
const ABOVE_DIVIDER_PX = 72;
const TYPING_CHECK_MS = 1_000;
/** A longer way to the end is jumped, not scrolled. */
const SMOOTH_SCREENS_MAX = 2;

export class ConversationView {
  /**
   * @param {import("./chat.js").Chat} chat
   * @param {{back: () => void, leave: (conversation: import("./conversation.js").Conversation) => void}} actions
   */
  constructor(chat, actions) {
    this.#chat = chat;
    this.#actions = actions;
    this.#composer = new Composer({ name: chat.name, typed: () => chat.types(), send: (text) => this.#send(text) });
    this.#head = el("header", { class: "bar" });
    this.#lines = el("ol", { class: "lines", testid: "messages" });
    this.#top = el("div", { class: "top" });
    this.#scroll = el("div", { class: "scroll timeline", tabindex: 0, role: "log", "aria-live": "off", "aria-label": say("messages"), testid: "timeline" }, this.#top, this.#lines);
    this.#jump = el("button", { class: "jump", type: "button", hidden: true, testid: "jump", on: { click: () => this.#toEnd(true) } }, el("span", { class: "jump-text" }), icon("down", say("toLatest")));
    this.#typing = el("p", { class: "typing", testid: "typing" });
    this.#body = el("div", { class: "body", hidden: true }, this.#head, el("div", { class: "scroll-room" }, this.#scroll, this.#jump), this.#typing, this.#composer.element);
    this.#nothing = el("div", { class: "empty is-main" }, brandMark("is-big"), el("p", { class: "empty-title", text: say("emptyMainTitle") }), el("p", { class: "empty-text", text: say("emptyMainText") }));
    this.element = el("section", { class: "main", "aria-label": say("conversation") }, this.#body, this.#nothing);
    this.#scroll.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#resizes = new ResizeObserver(() => this.#isAtEnd && this.#toEnd(false));
    this.#resizes.observe(this.#scroll);
    this.#timer = window.setInterval(() => this.refreshTyping(), TYPING_CHECK_MS);
  }

  #chat;
  #actions;
  #composer;
  #head;
  #lines;
  #top;
  #scroll;
  #jump;
  #typing;
  #body;
  #nothing;
  #resizes;
  #timer;
  #drawn = new Drawn();
  /** @type {import("./conversation.js").Conversation | null} */
  #shown = null;
  #isAtEnd = true;
  /** Whether the first page is still to be scrolled to its place. */
  #isFresh = true;
  /** The last place that was seen at the end: what lies above it is unseen. */
  #seenPlace = 0;

  /** The last place that the person has in view; 0 where nothing is. */
  get placeInView() {
    if (this.#shown === null || this.#isFresh || document.visibilityState !== "visible") return 0;
    if (this.#isAtEnd) return this.#shown.head;
    return Number(this.#lastVisible()?.dataset.place ?? 0);
  }

  /** Draws what has changed, or another conversation. */
  refresh() {
    const conversation = this.#chat.open;
    if (conversation !== this.#shown) this.#switch(conversation);
    if (conversation === null) return;
    const title = this.#chat.titleOf(conversation);
    this.#drawHead(conversation, title);
    this.#composer.show(conversation, title);
    this.#drawLines(conversation);
    this.refreshTyping();
    this.#tellSeen();
  }

  refreshTyping() {
    if (this.#shown === null) return;
    const names = this.#shown.typists(Date.now()).map((user) => this.#chat.people.nameOf(user));
    const words = names.length === 0 ? "" : names.length === 1 ? say("typing", { name: names[0] }) : names.length === 2 ? say("typingTwo", { name: names[0], other: names[1] }) : say("typingMany");
    if (this.#typing.textContent !== words) this.#typing.textContent = words;
  }

  focusComposer() {
    if (this.#shown !== null) this.#composer.focus();
  }

  /** Scrolls to the first new message. */
  showDivider() {
    const divider = this.#drawn.get("divider");
    if (divider !== null) this.#scroll.scrollTop = divider.offsetTop - ABOVE_DIVIDER_PX;
  }

  /** The page is left. */
  stop() {
    clearInterval(this.#timer);
    this.#resizes.disconnect();
  }

  /** @param {import("./conversation.js").Conversation | null} conversation */
  #switch(conversation) {
    this.#shown = conversation;
    this.#drawn = new Drawn();
    this.#lines.replaceChildren();
    this.#isFresh = true;
    this.#isAtEnd = true;
    this.#body.hidden = conversation === null;
    this.#nothing.hidden = conversation !== null;
    if (conversation === null) this.#chat.sees(0);
  }

  /**
   * @param {import("./conversation.js").Conversation} conversation
   * @param {string} title
   */
  #drawHead(conversation, title) {
    const looks = `${conversation.name} ${title}`;
    if (this.#head.dataset.looks === looks) return;
    this.#head.dataset.looks = looks;
    const { id } = conversation;
    // A name can be anybody's; where it is not the one that the id stands for, the id is what tells.
    const about = conversation.isGroup || nameFromId(id) === title ? say(conversation.isGroup ? "group" : "person") : id;
    const canLeave = conversation.isGroup && conversation.name !== EVERYONE;
    this.#head.replaceChildren(
      el("button", { class: "round is-phone-only", type: "button", "aria-label": say("back"), testid: "back", on: { click: () => this.#actions.back() } }, icon("back")),
      avatar(title, conversation.face, conversation.isGroup),
      el("div", { class: "self-text" }, el("h1", { class: "self-name", text: title, title: id, testid: "title" }), el("span", { class: "where", text: about })),
      ...(canLeave ? [el("button", { class: "round", type: "button", "aria-label": say("leave"), title: say("leave"), testid: "leave", on: { click: () => this.#actions.leave(conversation) } }, icon("leave"))] : []),
    );
  }

  /** @param {import("./conversation.js").Conversation} conversation */
  #drawLines(conversation) {
    const anchor = this.#isAtEnd ? null : this.#firstVisible();
    const lines = linesOf(conversation, this.#chat, { again: (id) => this.#chat.resend(conversation, id), discard: (id) => this.#chat.discard(conversation, id) });
    place(this.#lines, this.#drawn.elements(lines));
    this.#drawTop(conversation, lines.length === 0);
    if (this.#isFresh) this.#firstPlace(conversation);
    else if (anchor !== null) this.#scroll.scrollTop += anchor.element.getBoundingClientRect().top - anchor.top;
    else if (this.#isAtEnd) this.#toEnd(false);
    this.#drawJump(conversation);
    this.#fetchOlder();
  }

  /** @param {import("./conversation.js").Conversation} conversation */
  #firstPlace(conversation) {
    if (!conversation.timeline.isLoaded && conversation.timeline.kept.length === 0) return;
    this.#toEnd(false);
    if (conversation.divider !== null) this.showDivider();
    this.#isFresh = !conversation.timeline.isLoaded;
    this.#isAtEnd = this.#distanceToEnd() < END_PX;
  }

  /**
   * @param {import("./conversation.js").Conversation} conversation
   * @param {boolean} isEmpty
   */
  #drawTop(conversation, isEmpty) {
    const { timeline, loading } = conversation;
    const looks = loading === "failed" ? "failed" : loading === "loading" || !timeline.isLoaded ? "loading" : timeline.hasOlder ? "older" : isEmpty ? "empty" : "beginning";
    if (this.#top.dataset.looks === looks) return;
    this.#top.dataset.looks = looks;
    const retry = () => this.#chat.load(conversation, timeline.isLoaded ? "older" : "newest");
    const parts = {
      failed: () => [el("span", { text: say("loadFailed") }), el("button", { class: "quiet", type: "button", text: say("again"), on: { click: retry } })],
      loading: () => [el("span", { class: "spinner", role: "img", "aria-label": say("loading") })],
      older: () => [],
      empty: () => [el("p", { class: "empty-title", text: say("emptyTimelineTitle") }), el("p", { class: "empty-text", text: this.#chat.keepsNothing ? say("nothingKept") : say("emptyTimelineText") })],
      beginning: () => [el("span", { text: this.#chat.keepsNothing ? say("nothingKept") : say("beginning") })],
    };
    this.#top.replaceChildren(...parts[looks]());
  }

  /** @param {import("./conversation.js").Conversation} conversation */
  #drawJump(conversation) {
    const last = conversation.timeline.last?.place ?? 0;
    if (this.#isAtEnd) this.#seenPlace = last;
    const count = conversation.timeline.kept.filter(({ place: at, from }) => at > this.#seenPlace && from !== this.#chat.user).length;
    this.#jump.hidden = this.#isAtEnd;
    this.#jump.classList.toggle("is-new", count > 0);
    this.#jump.firstChild.textContent = count > 0 ? say("toLatestNew", { count }) : "";
  }

  #scrolled() {
    const conversation = this.#shown;
    if (conversation === null || this.#isFresh) return;
    this.#isAtEnd = this.#distanceToEnd() < END_PX;
    this.#drawJump(conversation);
    this.#fetchOlder();
    this.#tellSeen();
  }

  #fetchOlder() {
    const conversation = this.#shown;
    if (conversation === null || this.#isFresh) return;
    const { timeline, loading } = conversation;
    if (this.#scroll.scrollTop < TOP_PX && timeline.isLoaded && timeline.hasOlder && loading === "idle") this.#chat.load(conversation, "older");
  }

  #tellSeen() {
    this.#chat.sees(this.placeInView);
  }

  #distanceToEnd() {
    return this.#scroll.scrollHeight - this.#scroll.scrollTop - this.#scroll.clientHeight;
  }

  /** @param {boolean} isSmooth */
  #toEnd(isSmooth) {
    const isNear = this.#distanceToEnd() < SMOOTH_SCREENS_MAX * this.#scroll.clientHeight;
    const canMove = isSmooth && isNear && !matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.#scroll.scrollTo({ top: this.#scroll.scrollHeight, behavior: canMove ? "smooth" : "instant" });
  }

  /** The uppermost line in view, and where it is. */
  #firstVisible() {
    const top = this.#scroll.getBoundingClientRect().top;
    for (const element of this.#lines.children) {
      const box = element.getBoundingClientRect();
      if (box.bottom > top) return { element, top: box.top };
    }
    return null;
  }

  /** The lowest message in view. The lines stand in order, so half of them need not be looked at. */
  #lastVisible() {
    const bottom = this.#scroll.getBoundingClientRect().bottom - IN_VIEW_PX;
    const lines = [...this.#lines.querySelectorAll("[data-place]")];
    let low = 0;
    let high = lines.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (lines[middle].getBoundingClientRect().top <= bottom) low = middle + 1;
      else high = middle;
    }
    return lines[low - 1] ?? null;
  }

  /** @param {string} text */
  #send(text) {
    if (this.#shown === null) return;
    this.#isAtEnd = true;
    this.#chat.send(this.#shown, text);
  }
}
