/**
 * @file What this tab remembers: who signed in here, what is unsent, how far others have read.
 *
 * Promises: two windows are two people (session storage), and a reload is the same person.
 * Does not: fail where storage is forbidden; then the tab forgets at reload.
 */

const PREFIX = "trunkline.";
/** Conversations whose read marks are remembered. */
const MARKS_MAX = 200;

/** @returns {{name: string, device: string} | null} */
export function rememberedLogin() {
  return recall("login");
}

/** @param {{name: string, device: string} | null} login */
export function rememberLogin(login) {
  if (login === null) forgetAll();
  else remember("login", login);
}

/** The client's own storage: unsent sends only, because this page keeps no messages to resume from. */
export const unsentStorage = {
  load: () => ({ unsent: recall("unsent") ?? [] }),
  save: (/** @type {{unsent?: any[]}} */ { unsent }) => remember("unsent", unsent),
};

/** @returns {Record<string, Record<string, number>>} conversation -> user -> seq */
export function rememberedMarks() {
  return recall("marks") ?? {};
}

/** @param {Record<string, Record<string, number>>} marks */
export function rememberMarks(marks) {
  remember("marks", Object.fromEntries(Object.entries(marks).slice(-MARKS_MAX)));
}

/** @param {string} key */
function recall(key) {
  try {
    return JSON.parse(globalThis.sessionStorage.getItem(PREFIX + key) ?? "null");
  } catch {
    // Forbidden, or written by another version: as if there were nothing.
    return null;
  }
}

/**
 * @param {string} key
 * @param {unknown} value
 */
function remember(key, value) {
  try {
    globalThis.sessionStorage.setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    // Forbidden or full: the tab works without.
  }
}

function forgetAll() {
  for (const key of ["login", "unsent", "marks"]) {
    try {
      globalThis.sessionStorage.removeItem(PREFIX + key);
    } catch {
      // Forbidden: then nothing was remembered either.
    }
  }
}
