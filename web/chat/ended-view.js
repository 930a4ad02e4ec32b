/**
 * @file The last screen: the server ended this session, and why.
 *
 * Promises: says whose doing it was and what can be done now.
 * Does not: reconnect by itself; two windows would throw each other out for ever.
 */

import { CLOSE } from "../client/index.js";
import { el, icon } from "./elements.js";
import { say } from "./words.js";

/** Close code of a session that an administrator removed. */
const REMOVED = 4503;

/**
 * @param {{code: number, reason: string, name: string}} end
 * @param {{takeOver: () => void, signInAgain: () => void}} actions
 */
export function endedView({ code, reason, name }, { takeOver, signInAgain }) {
  const isReplaced = code === CLOSE.replaced;
  const { title, text } = wordsFor(code, reason, name);
  return el(
    "main",
    { class: "door", testid: "ended", role: "alert" },
    el(
      "div",
      { class: "card" },
      el("span", { class: "ended-mark" }, icon("alert")),
      el("h1", { class: "title", text: title }),
      el("p", { class: "prose", text, testid: "ended-why" }),
      isReplaced && el("button", { class: "button is-main", type: "button", autofocus: true, text: say("takeOver"), testid: "take-over", on: { click: takeOver } }),
      el("button", { class: isReplaced ? "button" : "button is-main", type: "button", text: say("signInAgain"), testid: "sign-in-again", on: { click: signInAgain } }),
    ),
  );
}

/**
 * @param {number} code
 * @param {string} reason
 * @param {string} name
 */
function wordsFor(code, reason, name) {
  if (code === CLOSE.replaced) return { title: say("endedReplacedTitle"), text: say("endedReplacedText", { name }) };
  if (code === CLOSE.badToken) return { title: say("endedTokenTitle"), text: say("endedTokenText") };
  if (code === REMOVED) return { title: say("endedRemovedTitle"), text: say("endedRemovedText") };
  return { title: say("endedOtherTitle"), text: say("endedOtherText", { reason, code }) };
}
