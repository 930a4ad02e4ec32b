/**
 * @file Names that people take, and the ids that the system knows them by.
 *
 * Promises: the same name always gives the same id; an id made here tells the name again, as long as the name is not very long.
 * Does not: decide what somebody is called; the name in the latest message does (`people.js`).
 */

import { isId } from "../client/index.js";

/** The longest name, in characters as people count them. */
export const NAME_CHARS_MAX = 60;

/** Starts every id that was made from a name; a name that starts with it is itself turned into one. */
const MADE = "~";
/** Starts an id of a name too long to be carried whole. */
const SHORTENED = "~~";
/** Bytes of a name that fit an id of 64 characters in base64url: (64 - 1) * 3 / 4. */
const NAME_BYTES_MAX = 47;
/** Bytes kept of a longer name, beside 11 characters of hash and two of mark and separator. */
const PREFIX_BYTES = 36;

/**
 * A name as typed, in its one form: composed characters, single spaces.
 * @param {string} name
 */
export function tidyName(name) {
  return name.normalize("NFC").replace(/\s+/gu, " ").trim();
}

/**
 * The id of whoever, or whatever group, is called `name`.
 * @param {string} name
 */
export function idFromName(name) {
  const tidy = tidyName(name);
  if (isId(tidy) && !tidy.startsWith(MADE)) return tidy;
  const bytes = new TextEncoder().encode(tidy);
  if (bytes.length <= NAME_BYTES_MAX) return MADE + toBase64url(bytes);
  return `${SHORTENED}${toBase64url(bytes.slice(0, PREFIX_BYTES))}.${hash(bytes)}`;
}

/**
 * The name that `id` was made from, or `id` itself.
 * @param {string} id
 */
export function nameFromId(id) {
  if (!id.startsWith(MADE)) return id;
  const isShortened = id.startsWith(SHORTENED);
  const encoded = isShortened ? id.slice(SHORTENED.length).split(".")[0] : id.slice(MADE.length);
  try {
    const name = new TextDecoder("utf-8", { fatal: !isShortened }).decode(fromBase64url(encoded));
    if (isShortened) return `${name.replace(/\uFFFD+$/u, "")}…`;
    return name !== "" && idFromName(name) === id ? name : id;
  } catch {
    // An id that only looks like one of ours.
    return id;
  }
}

/** @param {Uint8Array} bytes */
function toBase64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** @param {string} text */
function fromBase64url(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
}

/**
 * FNV-1a, 64 bits: only to keep long names with one beginning apart. Web Crypto is not there on a page without TLS.
 * @param {Uint8Array} bytes
 */
function hash(bytes) {
  let value = 0xcbf29ce484222325n;
  for (const byte of bytes) value = BigInt.asUintN(64, (value ^ BigInt(byte)) * 0x100000001b3n);
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, value);
  return toBase64url(out);
}
