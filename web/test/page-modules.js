/**
 * @file Lets Node.js import the modules of the page, which find the client where the server serves it.
 */

import { register } from "node:module";

register("./resolve-as-served.js", import.meta.url);

/**
 * A module of the page.
 * @param {string} name for example `timeline.js`
 */
export function pageModule(name) {
  return import(`../chat/${name}`);
}
