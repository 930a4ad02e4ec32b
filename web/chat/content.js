/**
 * @file What this page puts into `content`, and what it makes of anybody's.
 *
 * Promises: any JSON value shows as some text; a message of this page carries text and the sender's name.
 * Does not: trust a name further than to show it; who somebody is says `from`.
 */

import { NAME_CHARS_MAX, tidyName } from "./names.js";

/** Other people's content of unknown form is shown up to this many characters. */
const FOREIGN_CHARS_MAX = 2_000;

/**
 * @param {string} text
 * @param {string} name
 */
export function contentOf(text, name) {
  // Half a surrogate pair (cut by a tool, not typed) would be refused by the server.
  return { text: text.toWellFormed?.() ?? text, name };
}

/**
 * @param {unknown} content
 * @returns {string}
 */
export function textOf(content) {
  if (typeof content === "string") return content;
  const text = /** @type {any} */ (content)?.text;
  if (typeof text === "string") return text;
  return JSON.stringify(content).slice(0, FOREIGN_CHARS_MAX);
}

/**
 * The name that the sender gives himself, or null.
 * @param {unknown} content
 */
export function senderNameOf(content) {
  const name = /** @type {any} */ (content)?.name;
  if (typeof name !== "string") return null;
  return [...tidyName(name)].slice(0, NAME_CHARS_MAX).join("") || null;
}
