/**
 * @file The chat of one person: what happens on the line becomes conversations, what the person does becomes frames.
 *
 * Promises: every change is told by one of the events `list`, `timeline` (with the conversation), `line`, `ended`; the views draw what they find then.
 * Does not: touch the page.
 */

import { Client, CLOSE, directConversation, groupConversation, newId } from "../client/index.js";
import { contentOf, textOf } from "./content.js";
import { Conversation } from "./conversation.js";
import { idFromName } from "./names.js";
import { EVERYONE, People } from "./people.js";
import { rememberMarks, rememberedMarks, unsentStorage } from "./tab.js";

/** Messages a page of history asks for. */
const PAGE_MESSAGES = 50;
/** Conversations asked for at once; the list goes on as long as there are more, up to the second number. */
const LIST_PAGE = 100;
const LIST_MAX = 1_000;
/** "Is typing" is told at most this often. */
const TYPING_EVERY_MS = 3_000;
/** Who scrolls through a hundred messages has one mark to tell, not a hundred. */
const READ_AFTER_MS = 200;

export class Chat extends EventTarget {
  /** @param {{name: string, device: string, url: URL}} login */
  constructor({ name, device, url }) {
    super();
    this.name = name;
    this.user = idFromName(name);
    this.device = device;
    this.#client = new Client({ url, user: this.user, device, behind: "skip", storage: unsentStorage });
    this.#listen();
  }

  #client;
  #people = new People();
  /** @type {Map<string, Conversation>} */
  #conversations = new Map();
  /** @type {Conversation | null} */
  #open = null;
  /** The last place of the open conversation that the person has in view; 0 where nothing is. */
  #seen = 0;
  #readTimer = 0;
  /** @type {Set<Conversation>} */
  #toTellRead = new Set();
  #wasOnline = false;
  /** Which loss of the line this is, from 1; an attempt that fails is still the same. */
  #absence = 0;
  #missed = 0;
  #typingToldAt = 0;
  /** @type {{state: string, node: string | null, retryAt?: number, missed?: number | null, code?: number, reason?: string}} */
  line = { state: "idle", node: null };
  isListed = false;

  get people() {
    return this.#people;
  }

  get open() {
    return this.#open;
  }

  get keepsNothing() {
    return this.#client.keepsNothing;
  }

  /** Latest first. */
  get conversations() {
    return [...this.#conversations.values()].filter((it) => it.time > 0 || it.isGroup).sort((a, b) => b.time - a.time || (a.name < b.name ? -1 : 1));
  }

  get unread() {
    return [...this.#conversations.values()].reduce((sum, it) => sum + it.unread, 0);
  }

  /** @param {Conversation} conversation */
  titleOf(conversation) {
    return this.#people.titleOf(conversation.name, conversation.to, this.user);
  }

  async start() {
    for (const { text, at } of unsentStorage.load().unsent) this.#showUnsent(JSON.parse(text), at);
    await this.#client.start();
  }

  /** Signs out, or gives way. */
  stop() {
    this.#client.close();
  }

  tryNow() {
    this.#client.probe();
  }

  /** Takes the place back; what failed with the connection goes out again under its first id. */
  async takeOver() {
    await this.#client.start();
    for (const conversation of this.#conversations.values()) {
      for (const draft of conversation.timeline.drafts) if (draft.fault?.code === "stopped") this.resend(conversation, draft.id);
    }
  }

  /**
   * @param {string} name of a conversation
   * @returns {Conversation}
   */
  show(name) {
    const conversation = this.#conversation(name);
    this.#leaveOpen();
    this.#open = conversation;
    if (conversation.time === 0) conversation.openedAt = Date.now();
    if (conversation.unread > 0 && conversation.divider === null) conversation.divider = { place: conversation.read + 1, absence: 0 };
    if (!conversation.timeline.isLoaded) this.load(conversation, "newest");
    this.#askMarks(conversation);
    this.#tell("list");
    return conversation;
  }

  hide() {
    this.#leaveOpen();
    this.#tell("list");
  }

  /**
   * The conversation with whoever is called `name`.
   * @param {string} name
   */
  conversationWith(name) {
    return directConversation(this.user, idFromName(name));
  }

  /**
   * @param {string} name
   * @returns {Promise<string>} the group's conversation
   * @throws {import("../client/index.js").Fault}
   */
  async joinGroup(name) {
    const conversation = groupConversation(idFromName(name));
    if (conversation !== EVERYONE) await this.#client.join(idFromName(name));
    return conversation;
  }

  /** @param {Conversation} conversation */
  async leaveGroup(conversation) {
    const group = /** @type {any} */ (conversation.to).group;
    await this.#client.leave(group);
    this.#forget(conversation);
  }

  /**
   * @param {Conversation} conversation
   * @param {string} text
   */
  send(conversation, text) {
    const draft = { id: newId(), content: contentOf(text, this.name), time: Date.now() };
    conversation.timeline.draft(draft);
    conversation.divider = null;
    this.#typingToldAt = 0;
    this.#post(conversation, draft);
  }

  /**
   * @param {Conversation} conversation
   * @param {string} id
   */
  resend(conversation, id) {
    const draft = conversation.timeline.drafts.find((it) => it.id === id);
    if (draft === undefined) return;
    // A refused send is another one; one that only lost its connection may have been kept, and its id says so.
    const next = { ...draft, id: draft.fault?.code === "stopped" ? id : newId() };
    conversation.timeline.discard(id);
    conversation.timeline.draft(next);
    this.#post(conversation, next);
  }

  /**
   * @param {Conversation} conversation
   * @param {string} id
   */
  discard(conversation, id) {
    conversation.timeline.discard(id);
    this.#tell("timeline", conversation);
    this.#tell("list");
  }

  /** The person is typing in the open conversation. */
  types() {
    const now = Date.now();
    if (this.#open === null || this.#open.to === null || now - this.#typingToldAt < TYPING_EVERY_MS) return;
    if (this.#client.signal(this.#open.to, { typing: true, name: this.name })) this.#typingToldAt = now;
  }

  /**
   * The person has the open conversation in view up to `place`: so far it counts as read.
   * @param {number} place
   */
  sees(place) {
    this.#seen = place;
    this.#readOpen();
  }

  /**
   * @param {Conversation} conversation
   * @param {"newest" | "older"} kind
   */
  async load(conversation, kind) {
    if (conversation.loading === "loading") return;
    if (this.#client.keepsNothing) {
      conversation.timeline.takePage({ messages: [], more: false }, kind);
      return;
    }
    conversation.loading = "loading";
    this.#tell("timeline", conversation);
    const before = kind === "older" ? (conversation.timeline.first?.seq ?? undefined) : undefined;
    try {
      const page = await this.#client.history(conversation.name, { before, limit: PAGE_MESSAGES });
      for (const message of page.messages) this.#people.heard(message);
      conversation.timeline.takePage(page, kind);
      conversation.head = Math.max(conversation.head, page.messages.at(-1)?.seq ?? 0);
      conversation.loading = "idle";
    } catch (error) {
      this.#loadFailed(conversation, /** @type {import("../client/index.js").Fault} */ (error));
    }
    this.#tell("timeline", conversation);
    this.#tell("list");
  }

  // === what happens on the line ===

  #listen() {
    this.#client.on("state", (change) => this.#lineChanged(change));
    this.#client.on("message", (message, { live }) => this.#message(message, live));
    this.#client.on("receipt", (receipt) => this.#receipt(receipt));
    this.#client.on("refused", ({ id, fault }) => this.#refused(id, fault));
    this.#client.on("signal", (signal) => this.#signal(signal));
    this.#client.on("read", ({ conversation, user, seq }) => this.#read(conversation, user, seq));
    this.#client.on("members", (members) => this.#members(members));
    this.#client.on("behind", ({ conversation }) => this.#behind(conversation));
  }

  /** @param {import("../client/index.js").StateChange} change */
  #lineChanged(change) {
    const { state, code, reason, node, retryMs } = change;
    if (state === "stopped") {
      this.line = { state, node: null, code, reason };
      if (code !== CLOSE.normal) this.#tell("ended");
      return;
    }
    if (state === "waiting" && this.line.state !== "connecting") {
      this.#absence += 1;
      this.#missed = 0;
    }
    this.line = { state, node, retryAt: retryMs === undefined ? undefined : Date.now() + retryMs };
    if (state === "online") {
      this.line.missed = this.#wasOnline ? this.#missed : null;
      this.#wasOnline = true;
      this.#refreshList();
      if (this.#open !== null) this.#askMarks(this.#open);
    }
    this.#tell("line");
  }

  async #refreshList() {
    try {
      let next;
      let count = 0;
      do {
        const answer = this.#client.keepsNothing ? { conversations: [] } : await this.#client.conversations({ limit: LIST_PAGE, next });
        for (const entry of answer.conversations) {
          if (entry.last !== undefined) this.#people.heard(entry.last);
          const conversation = this.#conversation(entry.conversation);
          conversation.listed(entry);
          if (conversation === this.#open && conversation.timeline.isLoaded) this.#mendOpen(conversation, entry.head);
        }
        count += answer.conversations.length;
        next = answer.next;
      } while (next !== undefined && count < LIST_MAX);
      this.isListed = true;
    } catch {
      // The line went down meanwhile; the list is asked for again with the next one.
    }
    this.#readOpen();
    this.#tell("list");
  }

  /**
   * What came while away is pushed only where the client held something; where it held nothing, the newest page has it.
   * @param {Conversation} conversation
   * @param {number} head
   */
  #mendOpen(conversation, head) {
    if ((conversation.timeline.last?.place ?? 0) < head) this.load(conversation, "newest");
  }

  /**
   * @param {any} message
   * @param {boolean} isLive
   */
  #message(message, isLive) {
    this.#people.heard(message);
    const conversation = this.#conversation(message.conversation ?? directConversation(this.user, message.from ?? this.user));
    if (!conversation.take(message)) return;
    const isOther = message.from !== this.user;
    if (!isLive && isOther) {
      this.#missed += 1;
      if (conversation.divider?.absence !== this.#absence) conversation.divider = { place: message.seq, absence: this.#absence };
    }
    this.#tell("timeline", conversation);
    this.#tell("list");
    if (isOther) this.dispatchEvent(new CustomEvent("heard", { detail: { conversation, from: message.from, text: textOf(message.content) } }));
  }

  /** @param {any} receipt */
  #receipt(receipt) {
    for (const conversation of this.#conversations.values()) {
      if (!conversation.receipt(receipt)) continue;
      this.#tell("timeline", conversation);
      this.#tell("list");
      return;
    }
  }

  /**
   * @param {string} id
   * @param {import("../client/index.js").Fault} fault
   */
  #refused(id, fault) {
    for (const conversation of this.#conversations.values()) {
      if (!conversation.timeline.drafts.some((draft) => draft.id === id)) continue;
      conversation.timeline.refuse(id, fault);
      this.#tell("timeline", conversation);
    }
  }

  /** @param {any} signal */
  #signal({ from, to, content }) {
    if (from === null || content === null || typeof content !== "object") return;
    const name = to?.group === undefined ? directConversation(this.user, from) : groupConversation(to.group);
    const conversation = this.#conversations.get(name);
    if (conversation === undefined || from === this.user) return;
    if (content.typing === true) {
      this.#people.heard({ from, content });
      conversation.types(from, Date.now());
      this.#tell("typing", conversation);
    } else if (content.ask === "read" && conversation.to !== null && conversation.read > 0) {
      this.#client.signal(conversation.to, { read: conversation.read });
    } else if (Number.isSafeInteger(content.read)) {
      this.#read(name, from, content.read);
    }
  }

  /**
   * @param {string} name
   * @param {string} user
   * @param {number} seq
   */
  #read(name, user, seq) {
    const conversation = this.#conversation(name);
    if (user === this.user) {
      conversation.readTo(seq);
      this.#tell("list");
    } else if (conversation.mark(user, seq)) {
      const marks = rememberedMarks();
      delete marks[name];
      rememberMarks({ ...marks, [name]: Object.fromEntries(conversation.marks) });
      this.#tell("timeline", conversation);
      this.#tell("list");
    }
  }

  /** @param {any} members */
  #members({ group, joined = [], left = [] }) {
    const conversation = this.#conversation(groupConversation(group));
    if (left.includes(this.user)) {
      this.#forget(conversation);
      return;
    }
    if (conversation.openedAt === 0) conversation.openedAt = Date.now();
    for (const who of joined) conversation.timeline.note(who, "joined", Date.now());
    for (const who of left) conversation.timeline.note(who, "left", Date.now());
    this.#tell("timeline", conversation);
    this.#tell("list");
  }

  /** @param {string} name */
  #behind(name) {
    const conversation = this.#conversation(name);
    conversation.timeline.clear();
    conversation.divider = { place: conversation.read + 1, absence: this.#absence };
    if (conversation === this.#open) this.load(conversation, "newest");
  }

  // === ends ===

  /**
   * @param {Conversation} conversation
   * @param {{id: string, content: unknown}} draft
   */
  #post(conversation, { id, content }) {
    this.#tell("timeline", conversation);
    this.#tell("list");
    if (conversation.to === null) return;
    this.#client.send(conversation.to, /** @type {any} */ (content), { id }).catch((fault) => this.#refused(id, fault));
  }

  /**
   * A send of this tab's earlier life.
   * @param {any} frame
   * @param {number} at
   */
  #showUnsent({ id, to, content }, at) {
    const name = to.group === undefined ? directConversation(this.user, to.user) : groupConversation(to.group);
    this.#conversation(name).timeline.draft({ id, content, time: at });
  }

  #readOpen() {
    const conversation = this.#open;
    if (conversation === null || this.#seen <= conversation.read) return;
    conversation.readTo(this.#seen);
    this.#tell("list");
    this.#toTellRead.add(conversation);
    this.#readTimer ||= setTimeout(() => this.#tellRead(), READ_AFTER_MS);
  }

  #tellRead() {
    this.#readTimer = 0;
    for (const { name, read } of this.#toTellRead) this.#client.read(name, read);
    this.#toTellRead.clear();
  }

  /**
   * Read marks are pushed only to who is there; the other's page tells what was missed.
   * @param {Conversation} conversation
   */
  #askMarks(conversation) {
    if (!conversation.isGroup && conversation.to !== null) this.#client.signal(conversation.to, { ask: "read" });
  }

  /**
   * @param {Conversation} conversation
   * @param {import("../client/index.js").Fault} fault
   */
  #loadFailed(conversation, fault) {
    // A conversation that nobody wrote in yet is unknown to the server, or not ours to see: for the page it is empty.
    const isEmpty = fault.code === "not_found" || fault.code === "no_store";
    conversation.loading = isEmpty ? "idle" : "failed";
    if (isEmpty) conversation.timeline.takePage({ messages: [], more: false }, "newest");
  }

  #leaveOpen() {
    if (this.#open !== null) this.#open.divider = null;
    this.#open = null;
    this.#seen = 0;
  }

  /** @param {Conversation} conversation */
  #forget(conversation) {
    this.#conversations.delete(conversation.name);
    if (conversation === this.#open) {
      this.#open = null;
      this.#tell("closed");
    }
    this.#tell("list");
  }

  /** @param {string} name */
  #conversation(name) {
    let conversation = this.#conversations.get(name);
    if (conversation === undefined) {
      conversation = new Conversation(name, this.user);
      for (const [user, seq] of Object.entries(rememberedMarks()[name] ?? {})) conversation.marks.set(user, seq);
      this.#conversations.set(name, conversation);
    }
    return conversation;
  }

  /**
   * @param {string} event
   * @param {Conversation} [conversation]
   */
  #tell(event, conversation) {
    this.dispatchEvent(new CustomEvent(event, { detail: conversation }));
  }
}
