/**
 * @file The first screen: who are you?
 *
 * Promises: takes any name, and shows the id that it becomes.
 * Does not: check a password; `trunkline up` has none.
 */

import { isDevice } from "../client/index.js";
import { brandMark, el } from "./elements.js";
import { idFromName, NAME_CHARS_MAX, tidyName } from "./names.js";
import { say } from "./words.js";

/** What this page calls itself where nobody says otherwise. */
export const DEFAULT_DEVICE = "web";

/**
 * @param {{name?: string, device?: string}} suggested
 * @param {(login: {name: string, device: string}) => void} signIn
 */
export function signInView(suggested, signIn) {
  const name = el("input", { id: "name", class: "field", type: "text", autocomplete: "nickname", autofocus: true, spellcheck: "false", placeholder: say("namePlaceholder"), "aria-describedby": "name-hint", testid: "name" });
  name.value = suggested.name ?? "";
  const hint = el("p", { id: "name-hint", class: "hint", "aria-live": "polite", text: say("nameHint") });
  const device = el("input", { id: "device", class: "field", type: "text", spellcheck: "false", autocapitalize: "none", "aria-describedby": "device-hint", testid: "device" });
  device.value = suggested.device ?? DEFAULT_DEVICE;
  const deviceHint = el("p", { id: "device-hint", class: "hint", "aria-live": "polite", text: say("deviceHint") });
  const more = el("details", { class: "more", open: device.value !== DEFAULT_DEVICE }, el("summary", { text: say("deviceToggle"), testid: "device-toggle" }), el("label", { class: "label", for: "device", text: say("deviceLabel") }), device, deviceHint);

  const complain = (/** @type {HTMLElement} */ field, /** @type {HTMLElement} */ at, /** @type {string} */ words) => {
    field.setAttribute("aria-invalid", "true");
    at.textContent = words;
    at.classList.add("is-wrong");
    field.focus();
  };
  const calm = (/** @type {HTMLElement} */ field, /** @type {HTMLElement} */ at, /** @type {string} */ words) => {
    field.removeAttribute("aria-invalid");
    at.classList.remove("is-wrong");
    at.textContent = words;
  };
  name.addEventListener("input", () => {
    const id = idFromName(name.value);
    calm(name, hint, tidyName(name.value) === "" || id === tidyName(name.value) ? say("nameHint") : say("nameAsId", { id }));
  });
  device.addEventListener("input", () => calm(device, deviceHint, say("deviceHint")));

  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const tidy = tidyName(name.value);
    if (tidy === "") return complain(name, hint, say("nameEmpty"));
    if ([...tidy].length > NAME_CHARS_MAX) return complain(name, hint, say("nameTooLong"));
    if (!isDevice(device.value.trim())) {
      more.open = true;
      return complain(device, deviceHint, say("deviceBad"));
    }
    signIn({ name: tidy, device: device.value.trim() });
  };

  return el(
    "main",
    { class: "door", testid: "sign-in" },
    el(
      "form",
      { class: "card", on: { submit }, novalidate: true },
      el("div", { class: "brand" }, brandMark(), el("span", { class: "brand-name", text: "Trunkline" })),
      el("p", { class: "tagline", text: say("tagline") }),
      el("h1", { class: "title", text: say("signInTitle") }),
      el("label", { class: "label", for: "name", text: say("nameLabel") }),
      name,
      hint,
      more,
      el("button", { class: "button is-main", type: "submit", text: say("signIn"), testid: "start" }),
    ),
  );
}
