/**
 * @file Frames as text: written with `type` first, read with suspicion.
 *
 * Promises: no frame longer than the limit is ever handed to a socket; what is not a frame is seen as such.
 * Does not: know what any frame means.
 */

import { Fault } from "./fault.js";

const encoder = new TextEncoder();

/**
 * A name for a request that nobody else will choose: 128 random bits.
 * @returns {string} 32 hexadecimal digits
 */
export function newId() {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * How long `text` is on the wire.
 * @param {string} text
 * @returns {number} bytes of UTF-8
 */
export function bytesOf(text) {
  return encoder.encode(text).length;
}

/**
 * The text of a frame.
 * @param {{type: string, [field: string]: unknown}} frame
 * @param {number} frameBytesMax
 * @returns {string}
 * @throws {Fault} `too_large`
 */
export function encode(frame, frameBytesMax) {
  const { type, ...fields } = frame;
  const text = JSON.stringify({ type, ...fields });
  const bytes = bytesOf(text);
  if (bytes > frameBytesMax) {
    throw new Fault("too_large", `the frame has ${bytes} bytes, the server takes ${frameBytesMax}`);
  }
  return text;
}

/**
 * The frame in `data`, or null when it is none.
 * @param {unknown} data
 * @returns {Record<string, any> & {type: string} | null}
 */
export function decode(data) {
  if (typeof data !== "string") return null;
  try {
    const frame = JSON.parse(data);
    return frame !== null && typeof frame === "object" && typeof frame.type === "string" ? frame : null;
  } catch {
    return null;
  }
}
