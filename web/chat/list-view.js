/**
 * @file The list of conversations, with who this is and where he is connected.
 *
 * Promises: arrow keys move through the list; what is selected is the one that is open.
 * Does not: order anything; the chat does.
 */

import { Drawn } from "./drawn.js";
import { avatar, el, icon, place } from "./elements.js";
import { fullTime, listTime } from "./times.js";
import { say } from "./words.js";

/** A badge has room for two digits. */
const BADGE_MAX = 99;
/** Rows that stand for a list which is still on its way. */
const SKELETON_ROWS = 3;

export class ListView {
  /**
   * @param {import("./chat.js").Chat} chat
   * @param {{open: (name: string) => void, newChat: () => void, everyone: () => void, signOut: () => void, shortcuts: () => void}} actions
   */
  constructor(chat, actions) {
    this.#chat = chat;
    this.#actions = actions;
    this.#rows = el("ul", { class: "rows", testid: "conversations", on: { keydown: (/** @type {KeyboardEvent} */ event) => this.#move(event) } });
    this.#dot = el("span", { class: "dot" });
    this.#where = el("span", { class: "where-text", testid: "where" });
    this.#empty = this.#drawEmpty();
    this.element = this.#draw();
  }

  #chat;
  #actions;
  #rows;
  #dot;
  #where;
  #empty;
  #drawn = new Drawn();

  /** Draws what has changed. */
  refresh() {
    const { conversations, open, isListed } = this.#chat;
    const drawings = conversations.map((conversation) => this.#row(conversation, conversation === open));
    const skeletons = !isListed && drawings.length === 0 ? Array.from({ length: SKELETON_ROWS }, (_, index) => skeleton(index)) : [];
    place(this.#rows, this.#drawn.elements([...drawings, ...skeletons]));
    this.#empty.hidden = !isListed || drawings.length > 0;
  }

  /** Draws the state of the line. */
  refreshLine() {
    const { state, node } = this.#chat.line;
    const isUp = state === "online" || state === "catching-up";
    this.#dot.className = `dot ${isUp ? "is-up" : "is-down"}`;
    this.#where.textContent = isUp ? say("onNode", { node: node ?? "" }) : say(state === "connecting" ? "connecting" : "offline");
  }

  #draw() {
    const { chat, actions } = { chat: this.#chat, actions: this.#actions };
    const self = el(
      "div",
      { class: "self" },
      avatar(chat.name, chat.user),
      el("div", { class: "self-text" }, el("h1", { class: "self-name", text: chat.name, title: chat.user, testid: "self" }), el("span", { class: "where" }, this.#dot, this.#where)),
      el("button", { class: "round is-main", type: "button", title: say("newChatKey"), "aria-label": say("newChat"), testid: "new-chat", on: { click: actions.newChat } }, icon("plus")),
    );
    return el(
      "nav",
      { class: "side", "aria-label": say("conversations") },
      el("header", { class: "bar" }, self),
      el("div", { class: "scroll" }, this.#rows, this.#empty),
      el(
        "footer",
        { class: "side-foot" },
        el("button", { class: "quiet is-wide-only", type: "button", text: say("shortcuts"), on: { click: actions.shortcuts } }),
        el("button", { class: "quiet", type: "button", text: say("signOut"), testid: "sign-out", on: { click: actions.signOut } }),
      ),
    );
  }

  #drawEmpty() {
    return el(
      "div",
      { class: "empty", hidden: true, testid: "empty-list" },
      el("p", { class: "empty-title", text: say("emptyListTitle") }),
      el("p", { class: "empty-text", text: say("emptyListText") }),
      el("button", { class: "button", type: "button", text: say("newChat"), on: { click: () => this.#actions.newChat() } }),
      el("button", { class: "button", type: "button", text: say("withEveryone"), testid: "everyone", on: { click: () => this.#actions.everyone() } }),
    );
  }

  /**
   * @param {import("./conversation.js").Conversation} conversation
   * @param {boolean} isOpen
   * @returns {import("./drawn.js").Drawing}
   */
  #row(conversation, isOpen) {
    const chat = this.#chat;
    const title = chat.titleOf(conversation);
    const preview = previewOf(conversation, chat);
    const time = conversation.time > 0 ? listTime(conversation.time) : "";
    const { unread, name } = conversation;
    const typing = conversation.typists(Date.now());
    const shown = typing.length > 0 ? say("typing", { name: chat.people.nameOf(typing[0]) }) : preview;
    return {
      key: name,
      looks: JSON.stringify([title, shown, time, unread, isOpen, typing.length > 0]),
      draw: () => {
        const hadFocus = this.#drawn.get(name)?.contains(document.activeElement);
        const button = el(
          "button",
          { class: `row${unread > 0 ? " is-unread" : ""}`, type: "button", "aria-current": isOpen ? "true" : null, on: { click: () => this.#actions.open(name) } },
          avatar(title, conversation.face, conversation.isGroup),
          el(
            "span",
            { class: "row-text" },
            el("span", { class: "row-top" }, el("span", { class: "row-title", text: title }), el("time", { class: "row-time", title: conversation.time > 0 ? fullTime(conversation.time) : null, text: time })),
            el("span", { class: "row-bottom" }, el("span", { class: `row-preview${typing.length > 0 ? " is-typing" : ""}`, text: shown }), badge(unread)),
          ),
        );
        if (hadFocus) queueMicrotask(() => button.focus());
        return el("li", { testid: "conversation", "data-name": name, "data-unread": unread }, button);
      },
    };
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const buttons = [...this.#rows.querySelectorAll("button")];
    const next = buttons[buttons.indexOf(/** @type {any} */ (document.activeElement)) + step];
    next?.focus();
  }
}

/** @param {number} unread */
function badge(unread) {
  if (unread === 0) return null;
  const text = unread > BADGE_MAX ? `${BADGE_MAX}+` : String(unread);
  return el("span", { class: "badge", testid: "unread", "aria-label": say("unreadCount", { count: unread }), text });
}

/**
 * @param {import("./conversation.js").Conversation} conversation
 * @param {import("./chat.js").Chat} chat
 */
function previewOf(conversation, chat) {
  const draft = conversation.timeline.drafts.at(-1);
  if (draft !== undefined) return say("youSaid", { text: /** @type {any} */ (draft.content).text ?? "" });
  const { last } = conversation;
  if (last === null) return say("noMessages");
  if (last.from === chat.user) return say("youSaid", { text: last.text });
  return conversation.isGroup ? say("said", { name: chat.people.nameOf(last.from), text: last.text }) : last.text;
}

/**
 * @param {number} index
 * @returns {import("./drawn.js").Drawing}
 */
function skeleton(index) {
  const draw = () => el("li", { class: "row is-skeleton", "aria-hidden": "true" }, el("span", { class: "avatar" }), el("span", { class: "row-text" }, el("span", { class: "bone" }), el("span", { class: "bone is-long" })));
  return { key: `skeleton ${index}`, looks: "", draw };
}
