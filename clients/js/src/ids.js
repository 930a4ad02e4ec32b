/**
 * @file Ids of users, groups and conversations.
 *
 * Promises: what is accepted here the server accepts, byte for byte.
 * Does not: ask whether anybody of that name exists.
 */

const ID = /^[A-Za-z0-9._~@-]{1,64}$/;
const DEVICE = /^[A-Za-z0-9._~@-]{1,32}$/;

/**
 * Whether `id` can name a user or a group: 1 to 64 of `A-Z a-z 0-9 . _ ~ @ -`.
 * @param {unknown} id
 * @returns {id is string}
 */
export function isId(id) {
  return typeof id === "string" && ID.test(id);
}

/**
 * Whether `device` can name a device: as an id, 1 to 32 characters.
 * @param {unknown} device
 * @returns {device is string}
 */
export function isDevice(device) {
  return typeof device === "string" && DEVICE.test(device);
}

/**
 * The conversation of two users; the order of the arguments does not matter.
 * @param {string} a
 * @param {string} b
 * @returns {string} for example `d:1:2`
 */
export function directConversation(a, b) {
  return a <= b ? `d:${a}:${b}` : `d:${b}:${a}`;
}

/**
 * The conversation of a group.
 * @param {string} group
 * @returns {string} for example `g:team`
 */
export function groupConversation(group) {
  return `g:${group}`;
}

/**
 * The conversation that a send of `user` to `to` ends up in.
 * @param {string} user
 * @param {{user?: string, group?: string}} to
 * @returns {string}
 */
export function conversationOf(user, to) {
  return to.group !== undefined ? groupConversation(to.group) : directConversation(user, /** @type {string} */ (to.user));
}

/**
 * Where a send of `user` has to go to reach `conversation`, or null where it is none of that user's.
 * @param {string} user
 * @param {string} conversation
 * @returns {{user: string} | {group: string} | null}
 */
export function destinationOf(user, conversation) {
  const [kind, first, second, ...rest] = conversation.split(":");
  if (rest.length > 0 || !isId(first)) return null;
  if (kind === "g" && second === undefined) return { group: first };
  if (kind !== "d" || !isId(second)) return null;
  if (first === user) return { user: second };
  return second === user ? { user: first } : null;
}
