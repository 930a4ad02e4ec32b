/**
 * @file A message before it is sent.
 *
 * Promises: what the server would refuse for its form or size is refused here, before it can cost the connection.
 * Does not: look into the content.
 */

import { Fault } from "./fault.js";
import { bytesOf, encode } from "./frames.js";
import { isId } from "./ids.js";

/**
 * Where a message goes, with the id as text.
 * @param {any} to
 * @returns {{user?: string, group?: string}}
 * @throws {Fault} `bad_argument`
 */
export function destinationFrom(to) {
  const isGroup = to?.group !== undefined;
  const id = String(isGroup ? to.group : to?.user);
  if ((isGroup && to.user !== undefined) || !isId(id)) {
    throw new Fault("bad_argument", "to must be {user} or {group}, an id of 1 to 64 of A-Z a-z 0-9 . _ ~ @ -");
  }
  return isGroup ? { group: id } : { user: id };
}

/**
 * The frame, as text that stays the same however often it is sent.
 * @param {{type: "send", id?: string, to: {user?: string, group?: string}, content: unknown, signal?: true}} frame
 * @param {{contentBytesMax: number, frameBytesMax: number}} limits
 * @returns {string}
 * @throws {Fault} `bad_argument`, `too_large`
 */
export function draftText(frame, limits) {
  const content = JSON.stringify(frame.content);
  if (content === undefined) throw new Fault("bad_argument", "content must be a JSON value");
  const bytes = bytesOf(content);
  if (bytes > limits.contentBytesMax) {
    throw new Fault("too_large", `the content has ${bytes} bytes, the server takes ${limits.contentBytesMax}`);
  }
  return encode(frame, limits.frameBytesMax);
}
