/**
 * @file What people and groups are called.
 *
 * Promises: the name in the latest message that somebody sent; before that, what the id tells.
 * Does not: keep names beyond the page.
 */

import { senderNameOf } from "./content.js";
import { nameFromId } from "./names.js";
import { say } from "./words.js";

/** The conversation of everybody. */
export const EVERYONE = "g:everyone";
/** Names that are remembered; the rest is told by the ids. */
const NAMES_MAX = 2_000;

export class People {
  /** @type {Map<string, string>} */
  #names = new Map();

  /** @param {{from: string | null, content: unknown}} message */
  heard({ from, content }) {
    const name = senderNameOf(content);
    if (from === null || name === null) return;
    this.#names.delete(from);
    this.#names.set(from, name);
    if (this.#names.size > NAMES_MAX) this.#names.delete(/** @type {string} */ (this.#names.keys().next().value));
  }

  /** @param {string | null} user */
  nameOf(user) {
    return user === null ? "?" : (this.#names.get(user) ?? nameFromId(user));
  }

  /**
   * What a conversation is called by `user`.
   * @param {string} conversation
   * @param {{user?: string, group?: string} | null} to
   * @param {string} user
   */
  titleOf(conversation, to, user) {
    if (conversation === EVERYONE) return say("everyone");
    if (to?.group !== undefined) return nameFromId(to.group);
    if (to?.user === user) return say("toYourself");
    return to?.user === undefined ? conversation : this.nameOf(to.user);
  }
}
