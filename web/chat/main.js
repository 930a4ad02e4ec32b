/**
 * @file The page: from the door to the chat, and out again.
 *
 * Promises: the address names the open conversation, so that "back" and "reload" do what they should; every key of `dialogs.js` works.
 * Does not: know the protocol.
 */

import { destinationOf } from "../client/index.js";
import { BannerView } from "./banner-view.js";
import { Chat } from "./chat.js";
import { ConversationView } from "./conversation-view.js";
import { ask, showNewChat, showShortcuts } from "./dialogs.js";
import { el } from "./elements.js";
import { endedView } from "./ended-view.js";
import { ListView } from "./list-view.js";
import { tidyName } from "./names.js";
import { EVERYONE } from "./people.js";
import { DEFAULT_DEVICE, signInView } from "./sign-in-view.js";
import { rememberedLogin, rememberLogin } from "./tab.js";
import { LANGUAGE, say } from "./words.js";

const TITLE = "Trunkline";
/** Relative to the page, so that it works behind a path prefix too. */
const SOCKET = new URL("ws", document.baseURI);

/** What undoes the present screen. */
let leaveScreen = () => {};

/** @param {HTMLElement} screen */
function put(screen) {
  document.body.replaceChildren(screen);
  /** @type {HTMLElement | null} */ (screen.querySelector("[autofocus]"))?.focus();
}

/** @param {{name?: string, device?: string}} suggested */
function showDoor(suggested) {
  leaveScreen();
  leaveScreen = () => {};
  document.title = TITLE;
  put(signInView(suggested, enter));
}

/** @param {{name: string, device: string}} login */
function enter(login) {
  rememberLogin(login);
  leaveScreen();
  const chat = new Chat({ ...login, url: SOCKET });
  showChat(chat, login);
  chat.start();
}

/**
 * @param {Chat} chat
 * @param {{name: string, device: string}} login
 */
function showChat(chat, login) {
  const heard = el("div", { class: "unseen", "aria-live": "polite", testid: "heard" });
  const list = new ListView(chat, { open: go, newChat, everyone: () => go(EVERYONE), signOut, shortcuts: showShortcuts });
  const main = new ConversationView(chat, { back, leave });
  const banner = new BannerView(chat, () => showMissed());
  const app = el("main", { class: "app", testid: "app" }, list.element, main.element, banner.element, heard);
  const stops = new AbortController();

  function newChat() {
    showNewChat({ find: (name, isGroup) => (isGroup ? chat.joinGroup(name) : chat.conversationWith(name)), everyone: EVERYONE, open: go });
  }

  /** @param {string} name */
  function go(name) {
    const hash = `#${encodeURIComponent(name)}`;
    if (location.hash !== hash) history.pushState(null, "", hash);
    follow();
    if (!matchMedia("(pointer: coarse)").matches) main.focusComposer();
  }

  function back() {
    history.pushState(null, "", location.pathname + location.search);
    follow();
    list.element.querySelector("button.row")?.focus();
  }

  /** Opens what the address names. */
  function follow() {
    const name = hashName();
    const isOurs = name !== "" && destinationOf(chat.user, name) !== null;
    if (isOurs && chat.open?.name !== name) chat.show(name);
    else if (!isOurs && chat.open !== null) chat.hide();
    app.classList.toggle("is-open", isOurs);
    list.refresh();
    main.refresh();
  }

  function showMissed() {
    const conversation = chat.open?.divider ? chat.open : chat.conversations.find(({ divider }) => divider !== null);
    if (conversation !== undefined) go(conversation.name);
    main.showDivider();
  }

  /** @param {import("./conversation.js").Conversation} conversation */
  function leave(conversation) {
    ask(say("leaveSure", { group: chat.titleOf(conversation) }), say("leave"), () => chat.leaveGroup(conversation));
  }

  function signOut() {
    rememberLogin(null);
    chat.stop();
    history.pushState(null, "", location.pathname);
    showDoor({});
  }

  /** @param {number} step */
  function neighbour(step) {
    const names = chat.conversations.map(({ name }) => name);
    const index = chat.open === null ? (step > 0 ? -1 : names.length) : names.indexOf(chat.open.name);
    const name = names[index + step];
    if (name !== undefined) go(name);
  }

  /** @param {KeyboardEvent} event */
  function key(event) {
    const isInDialog = document.querySelector("dialog[open]") !== null;
    const isWriting = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
    if (isInDialog || event.isComposing) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") newChat();
    else if (event.altKey && event.key === "ArrowDown") neighbour(1);
    else if (event.altKey && event.key === "ArrowUp") neighbour(-1);
    else if (event.key === "/" && !isWriting) main.focusComposer();
    else if (event.key === "Escape" && chat.open !== null) back();
    else return;
    event.preventDefault();
  }

  function retitle() {
    document.title = `${chat.unread > 0 ? `(${chat.unread}) ` : ""}${chat.name} · ${TITLE}`;
  }

  /** @param {any} event */
  function hear({ detail: { conversation, from, text } }) {
    const name = chat.people.nameOf(from);
    const where = conversation.isGroup ? `${chat.titleOf(conversation)}, ${name}` : name;
    heard.textContent = say("said", { name: where, text });
  }

  const on = { signal: stops.signal };
  chat.addEventListener("list", () => (list.refresh(), retitle()), on);
  chat.addEventListener("timeline", (/** @type {any} */ event) => event.detail === chat.open && main.refresh(), on);
  chat.addEventListener("typing", () => (list.refresh(), main.refreshTyping()), on);
  chat.addEventListener("line", () => (list.refreshLine(), banner.refresh()), on);
  chat.addEventListener("closed", back, on);
  chat.addEventListener("heard", hear, on);
  chat.addEventListener("ended", () => showEnded(chat, login), on);
  window.addEventListener("popstate", follow, on);
  window.addEventListener("hashchange", follow, on);
  document.addEventListener("visibilitychange", () => chat.sees(main.placeInView), on);
  document.addEventListener("keydown", key, on);

  leaveScreen = () => {
    stops.abort();
    main.stop();
    banner.stop();
  };
  put(app);
  list.refreshLine();
  retitle();
  follow();
}

/**
 * @param {Chat} chat
 * @param {{name: string, device: string}} login
 */
function showEnded(chat, login) {
  leaveScreen();
  leaveScreen = () => {};
  document.title = TITLE;
  const { code = 0, reason = "" } = chat.line;
  const takeOver = () => {
    showChat(chat, login);
    chat.takeOver();
  };
  const signInAgain = () => {
    rememberLogin(null);
    showDoor(login);
  };
  put(endedView({ code, reason, name: chat.name }, { takeOver, signInAgain }));
}

/** The conversation that the address names, or "". */
function hashName() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    // Somebody's own invention after the #.
    return "";
  }
}

document.documentElement.lang = LANGUAGE === "zh" ? "zh-CN" : "en";
const asked = new URLSearchParams(location.search);
const suggested = { name: tidyName(asked.get("name") ?? ""), device: asked.get("device") ?? DEFAULT_DEVICE };
const login = rememberedLogin() ?? (suggested.name === "" ? null : suggested);
if (login === null) showDoor(suggested);
else enter(login);
