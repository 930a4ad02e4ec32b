/**
 * @file The field that messages are written in.
 *
 * Promises: Enter sends where there is a keyboard, but never in the middle of composing a character; what was begun stays with its conversation.
 * Does not: send; it hands the text on.
 */

import { bytesOf } from "../client/frames.js";
import { LIMITS } from "../client/index.js";
import { contentOf } from "./content.js";
import { el, icon } from "./elements.js";
import { say } from "./words.js";

/** The field grows up to this height, then it scrolls. */
const HEIGHT_MAX_PX = 180;
/** What browsers report for a key that an input method has taken. */
const KEY_OF_INPUT_METHOD = 229;

export class Composer {
  /** @param {{send: (text: string) => void, typed: () => void, name: string}} actions */
  constructor(actions) {
    this.#actions = actions;
    this.#field = el("textarea", { class: "compose-field", rows: 1, autocomplete: "off", enterkeyhint: "send", dir: "auto", "aria-describedby": "compose-hint", testid: "composer" });
    this.#send = el("button", { class: "round is-main", type: "submit", "aria-label": say("send"), title: say("send"), disabled: true, testid: "send" }, icon("send"));
    this.#hint = el("p", { id: "compose-hint", class: "compose-hint", text: say("composerHint") });
    this.#field.addEventListener("input", () => this.#changed());
    this.#field.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#key(event));
    this.element = el("form", { class: "compose", on: { submit: (/** @type {Event} */ event) => this.#submit(event) } }, el("div", { class: "compose-box" }, this.#field, this.#send), this.#hint);
  }

  #actions;
  #field;
  #send;
  #hint;
  /** @type {import("./conversation.js").Conversation | null} */
  #conversation = null;

  /**
   * @param {import("./conversation.js").Conversation} conversation
   * @param {string} title
   */
  show(conversation, title) {
    const isOther = conversation !== this.#conversation;
    this.#conversation = conversation;
    const label = say("composer", { name: title });
    this.#field.placeholder = label;
    this.#field.setAttribute("aria-label", label);
    if (!isOther) return;
    this.#field.value = conversation.draftText;
    this.#fit();
  }

  focus() {
    this.#field.focus();
  }

  #changed() {
    if (this.#conversation !== null) this.#conversation.draftText = this.#field.value;
    this.#fit();
    if (this.#field.value.trim() !== "") this.#actions.typed();
  }

  #fit() {
    this.#field.style.height = "auto";
    this.#field.style.height = `${Math.min(this.#field.scrollHeight, HEIGHT_MAX_PX)}px`;
    this.#send.disabled = this.#field.value.trim() === "";
    this.#complain(false);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const composes = event.isComposing || event.keyCode === KEY_OF_INPUT_METHOD;
    const hasKeyboard = !matchMedia("(pointer: coarse)").matches;
    if (event.key === "Enter" && !event.shiftKey && !composes && hasKeyboard) this.#submit(event);
  }

  /** @param {Event} event */
  #submit(event) {
    event.preventDefault();
    const text = this.#field.value.trim();
    if (text === "" || this.#conversation === null) return;
    if (bytesOf(JSON.stringify(contentOf(text, this.#actions.name))) > LIMITS.contentBytesMax) {
      this.#complain(true);
      return;
    }
    this.#field.value = "";
    this.#conversation.draftText = "";
    this.#fit();
    this.#actions.send(text);
    this.#field.focus();
  }

  /** @param {boolean} isTooLong */
  #complain(isTooLong) {
    this.#hint.textContent = say(isTooLong ? "tooLong" : "composerHint");
    this.#hint.classList.toggle("is-wrong", isTooLong);
  }
}
