/**
 * @file One conversation: its messages, what is unread, who has read what, who is typing.
 *
 * Promises: unread counts others' messages above one's own read mark, as the server does.
 * Does not: talk to the server, or draw.
 */

import { destinationOf } from "../client/index.js";
import { textOf } from "./content.js";
import { Timeline } from "./timeline.js";

/** After this silence somebody is no longer typing. */
const TYPING_MS = 6_000;

export class Conversation {
  /**
   * @param {string} name for example `d:1:2`
   * @param {string} user
   */
  constructor(name, user) {
    this.name = name;
    this.to = destinationOf(user, name);
    this.#user = user;
  }

  #user;
  timeline = new Timeline();
  head = 0;
  unread = 0;
  /** What this person has read. */
  read = 0;
  /** @type {{from: string | null, text: string, time: number} | null} */
  last = null;
  /** Where it stands in the list before anything was written. */
  openedAt = 0;
  /** How far each of the others has read. @type {Map<string, number>} */
  marks = new Map();
  /** Who is typing, until when. @type {Map<string, number>} */
  typing = new Map();
  /** The first message that is new: missed in that absence, or (0) just not read yet. @type {{place: number, absence: number} | null} */
  divider = null;
  /** What stands in the message field. */
  draftText = "";
  /** @type {"idle" | "loading" | "failed"} */
  loading = "idle";

  get isGroup() {
    return this.to !== null && "group" in this.to;
  }

  /** The id of the other person, or of the group. */
  get id() {
    return this.to === null ? this.name : "group" in this.to ? this.to.group : this.to.user;
  }

  /** The id that decides the colour: a person has the same everywhere. */
  get face() {
    return this.isGroup ? this.name : this.id;
  }

  /** When something last happened here. */
  get time() {
    return Math.max(this.last?.time ?? 0, this.openedAt, this.timeline.drafts.at(-1)?.time ?? 0);
  }

  /**
   * What the server's list says.
   * @param {{head: number, unread: number, read: number, last?: any}} entry
   */
  listed({ head, unread, read, last }) {
    this.head = Math.max(this.head, head);
    this.read = Math.max(this.read, read);
    this.unread = head >= this.head ? unread : this.#countUnread();
    if (last !== undefined) this.#tellLast(last);
  }

  /**
   * A pushed message.
   * @param {any} message
   * @returns {boolean} whether it is new here
   */
  take(message) {
    if (!this.timeline.take(message)) return false;
    const place = message.seq ?? /** @type {any} */ (this.timeline.last).place;
    this.head = Math.max(this.head, place);
    this.#tellLast(message);
    if (message.from !== this.#user && place > this.read) this.unread += 1;
    if (message.from !== null) this.typing.delete(message.from);
    return true;
  }

  /**
   * @param {any} receipt
   * @returns {boolean} whether the message was waiting here
   */
  receipt(receipt) {
    const kept = this.timeline.receipt(receipt, this.#user);
    if (kept === null) return false;
    this.head = Math.max(this.head, kept.place);
    this.#tellLast(kept);
    if (this.unread === 0) this.read = Math.max(this.read, kept.place);
    return true;
  }

  /**
   * This person has read up to `seq`, here or on another device.
   * @param {number} seq
   */
  readTo(seq) {
    if (seq <= this.read) return;
    this.read = seq;
    this.unread = seq >= this.head ? 0 : this.#countUnread();
  }

  /**
   * Another one has read up to `seq`.
   * @param {string} user
   * @param {number} seq
   * @returns {boolean} whether that is news
   */
  mark(user, seq) {
    if (seq <= (this.marks.get(user) ?? 0)) return false;
    this.marks.set(user, seq);
    return true;
  }

  /**
   * Others who have read the message at `place`.
   * @param {number} place
   */
  readersOf(place) {
    return [...this.marks].filter(([, seq]) => seq >= place).map(([user]) => user);
  }

  /**
   * @param {string} user
   * @param {number} now
   */
  types(user, now) {
    this.typing.set(user, now + TYPING_MS);
  }

  /**
   * Who is typing now.
   * @param {number} now
   */
  typists(now) {
    for (const [user, until] of [...this.typing]) if (until <= now) this.typing.delete(user);
    return [...this.typing.keys()];
  }

  /** @param {any} message */
  #tellLast(message) {
    if (this.last !== null && this.last.time > message.time) return;
    this.last = { from: message.from ?? null, text: textOf(message.content), time: message.time };
  }

  #countUnread() {
    return this.timeline.kept.filter(({ place, from }) => place > this.read && from !== this.#user).length;
  }
}
