/**
 * @file The dialogs: a new conversation, a question, the shortcuts.
 *
 * Promises: the browser's own `<dialog>`, so Escape closes it and focus comes back to where it was.
 * Does not: stay in the page once closed.
 */

import { el } from "./elements.js";
import { idFromName, NAME_CHARS_MAX, tidyName } from "./names.js";
import { say } from "./words.js";

/**
 * @param {{find: (name: string, isGroup: boolean) => string | Promise<string>, everyone: string, open: (conversation: string) => void}} actions
 */
export function showNewChat(actions) {
  const name = el("input", { id: "new-name", class: "field", type: "text", autocomplete: "off", spellcheck: "false", autofocus: true, maxlength: NAME_CHARS_MAX, "aria-describedby": "new-hint", testid: "new-name" });
  const label = el("label", { class: "label", for: "new-name" });
  const hint = el("p", { id: "new-hint", class: "hint", "aria-live": "polite" });
  const submit = el("button", { class: "button is-main", type: "submit", testid: "new-open" });
  const kinds = ["person", "group"].map((kind) => el("input", { type: "radio", name: "kind", id: `kind-${kind}`, value: kind, class: "choice-input", testid: `kind-${kind}` }));
  // Who points at a kind wants to write next; who moves by arrow keys stays among the kinds.
  const pick = (/** @type {HTMLInputElement} */ kind) => (/** @type {Event} */ event) => {
    event.preventDefault();
    kind.checked = true;
    relabel();
    name.focus();
  };
  const isGroup = () => kinds[1].checked;
  const relabel = () => {
    label.textContent = say(isGroup() ? "groupLabel" : "personLabel");
    submit.textContent = say(isGroup() ? "join" : "open");
    hint.classList.remove("is-wrong");
    const tidy = tidyName(name.value);
    const id = idFromName(tidy);
    hint.textContent = tidy === "" || id === tidy ? say(isGroup() ? "groupHint" : "personHint") : say("nameAsId", { id });
  };
  kinds[0].checked = true;
  for (const kind of kinds) kind.addEventListener("change", relabel);
  name.addEventListener("input", relabel);
  relabel();

  // Closing gives the focus back to where it was, so what opens takes it afterwards.
  const finish = (/** @type {string} */ conversation) => {
    dialog.close();
    actions.open(conversation);
  };
  const dialog = openDialog(
    say("newChat"),
    "new-chat-dialog",
    el(
      "form",
      {
        class: "dialog-body",
        novalidate: true,
        on: {
          submit: async (/** @type {Event} */ event) => {
            event.preventDefault();
            const tidy = tidyName(name.value);
            if (tidy === "") return name.focus();
            submit.disabled = true;
            try {
              const conversation = await actions.find(tidy, isGroup());
              finish(conversation);
            } catch (error) {
              const fault = /** @type {import("../client/index.js").Fault} */ (error);
              hint.textContent = fault.code === "forbidden" ? say("joinForbidden") : fault.reason;
              hint.classList.add("is-wrong");
              submit.disabled = false;
            }
          },
        },
      },
      el("div", { class: "choice", role: "radiogroup", "aria-label": say("newChat") }, kinds[0], el("label", { for: "kind-person", class: "choice-label", text: say("person"), on: { click: pick(kinds[0]) } }), kinds[1], el("label", { for: "kind-group", class: "choice-label", text: say("group"), on: { click: pick(kinds[1]) } })),
      label,
      name,
      hint,
      el(
        "div",
        { class: "dialog-actions" },
        el("button", { class: "quiet is-first", type: "button", text: say("withEveryone"), testid: "new-everyone", on: { click: () => finish(actions.everyone) } }),
        el("button", { class: "button", type: "button", text: say("cancel"), on: { click: () => dialog.close() } }),
        submit,
      ),
    ),
  );
}

/**
 * @param {string} question
 * @param {string} yes
 * @param {() => void} action
 */
export function ask(question, yes, action) {
  const dialog = openDialog(
    null,
    "question-dialog",
    el(
      "div",
      { class: "dialog-body" },
      el("p", { class: "prose", text: question }),
      el(
        "div",
        { class: "dialog-actions" },
        el("button", { class: "button", type: "button", autofocus: true, text: say("cancel"), on: { click: () => dialog.close() } }),
        el("button", { class: "button is-danger", type: "button", text: yes, testid: "question-yes", on: { click: () => (dialog.close(), action()) } }),
      ),
    ),
  );
}

export function showShortcuts() {
  const keys = [
    ["Ctrl+K", "keyNew"],
    ["Alt+↑  Alt+↓", "keyPrevious"],
    ["/", "keyWrite"],
    ["Esc", "keyLeave"],
  ];
  const list = el("dl", { class: "keys" });
  for (const [key, words] of keys) list.append(el("dt", {}, el("kbd", { text: key })), el("dd", { text: say(/** @type {any} */ (words)) }));
  const dialog = openDialog(say("shortcuts"), "shortcuts-dialog", el("div", { class: "dialog-body" }, list, el("div", { class: "dialog-actions" }, el("button", { class: "button is-main", type: "button", text: say("close"), on: { click: () => dialog.close() } }))));
}

/**
 * @param {string | null} title
 * @param {string} testid
 * @param {HTMLElement} body
 * @returns {HTMLDialogElement}
 */
function openDialog(title, testid, body) {
  const dialog = el("dialog", { class: "dialog", testid, "aria-label": title }, title !== null && el("h2", { class: "dialog-title", text: title }), body);
  dialog.addEventListener("close", () => dialog.remove());
  // A click on the dialog itself is one beside its body.
  dialog.addEventListener("mousedown", (/** @type {MouseEvent} */ event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
