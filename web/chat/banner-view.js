/**
 * @file The strip that says what the line is doing, when it is not simply up.
 *
 * Promises: lies over the page instead of pushing it down; says what was missed when the line is back, and then goes away by itself.
 * Does not: appear for a first connection that works.
 */

import { el } from "./elements.js";
import { say } from "./words.js";

/** How long "connected again" stays. */
const BACK_MS = 6_000;
const COUNT_EVERY_MS = 500;

export class BannerView {
  /**
   * @param {import("./chat.js").Chat} chat
   * @param {() => void} showMissed
   */
  constructor(chat, showMissed) {
    this.#chat = chat;
    this.#text = el("span", { class: "banner-text", role: "status", testid: "banner-text" });
    this.#count = el("span", { class: "banner-count", "aria-hidden": "true" });
    this.#try = el("button", { class: "banner-button", type: "button", text: say("tryNow"), testid: "try-now", on: { click: () => chat.tryNow() } });
    this.#show = el("button", { class: "banner-button", type: "button", text: say("show"), testid: "show-missed", on: { click: showMissed } });
    this.element = el("div", { class: "banner", hidden: true, testid: "banner" }, this.#text, this.#count, this.#try, this.#show);
  }

  #chat;
  #text;
  #count;
  #try;
  #show;
  /** Whether the line was lost since it was last up. */
  #wasLost = false;
  #timer = 0;

  refresh() {
    const { state, missed } = this.#chat.line;
    clearTimeout(this.#timer);
    if (state === "waiting") this.#wasLost = true;
    if (!this.#wasLost) return;
    if (state === "online") this.#sayBack(missed ?? 0);
    else this.#sayLost(state);
  }

  /** The page is left. */
  stop() {
    clearTimeout(this.#timer);
  }

  /** @param {string} state */
  #sayLost(state) {
    this.#put(state === "catching-up" ? "is-working" : "is-lost", say(state === "catching-up" ? "catchingUp" : "lost"));
    this.#try.hidden = state !== "waiting";
    this.#show.hidden = true;
    this.#tick();
  }

  /** @param {number} missed */
  #sayBack(missed) {
    this.#wasLost = false;
    this.#put("is-back", missed === 0 ? say("backNothing") : say(missed === 1 ? "backMissedOne" : "backMissed", { count: missed }));
    this.#count.textContent = "";
    this.#try.hidden = true;
    this.#show.hidden = missed === 0;
    this.#timer = window.setTimeout(() => {
      this.element.hidden = true;
    }, BACK_MS);
  }

  #tick() {
    const { state, retryAt } = this.#chat.line;
    const seconds = Math.max(0, Math.ceil(((retryAt ?? 0) - Date.now()) / 1000));
    this.#count.textContent = state === "waiting" && seconds > 0 ? say("retryIn", { seconds }) : "";
    if (state === "connecting") this.#count.textContent = say("connecting");
    if (state === "waiting") this.#timer = window.setTimeout(() => this.#tick(), COUNT_EVERY_MS);
  }

  /**
   * @param {string} kind
   * @param {string} words
   */
  #put(kind, words) {
    this.element.className = `banner ${kind}`;
    this.element.hidden = false;
    if (this.#text.textContent !== words) this.#text.textContent = words;
  }
}
