/**
 * @file Making elements.
 *
 * Promises: text is only ever set as text; nothing here, or anywhere on the page, parses HTML.
 * Does not: keep state.
 */

const SVG = "http://www.w3.org/2000/svg";

/** Strokes on a grid of 24. */
const ICONS = {
  plus: "M12 5v14M5 12h14",
  back: "M15 5l-7 7 7 7",
  send: "M5 12h13M12 5.5l6.5 6.5-6.5 6.5",
  down: "M6 9.5l6 6 6-6",
  clock: "M12 7.5V12l3 2M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17",
  tick: "M5 12.5l4.5 4.5L19 7.5",
  ticks: "M1.5 12.8l4.2 4.2 8.6-9.6M10.4 15.6l1.4 1.4 8.6-9.6",
  alert: "M12 8v5M12 16.2v.3M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17",
  leave: "M14 4.5H6.5v15H14M10.5 12H20M16.5 8.5L20 12l-3.5 3.5",
  group: "M9 11a3.2 3.2 0 1 0 0-6.4A3.2 3.2 0 0 0 9 11zM3.5 19c0-3 2.3-5 5.5-5s5.5 2 5.5 5M16 5.2a3 3 0 0 1 0 5.6M17.5 14.5c1.9.7 3 2.3 3 4.5",
};

/**
 * @param {string} tag
 * @param {Record<string, any>} [properties] `class`, `text`, `on: {event: listener}`, `dataset: {...}`, other names as attributes (true: present, false or null: absent)
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {any}
 */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") element.className = value;
    else if (name === "text") element.textContent = value;
    else if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, /** @type {any} */ (listener));
    else if (name === "testid") element.dataset.testid = value;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(.../** @type {any[]} */ (children.filter((child) => child !== null && child !== undefined && child !== false)));
  return element;
}

/**
 * A small picture; decoration unless it has a label.
 * @param {keyof typeof ICONS} name
 * @param {string} [label]
 */
export function icon(name, label) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  if (label === undefined) {
    svg.setAttribute("aria-hidden", "true");
  } else {
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
  }
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/**
 * The mark of the product.
 * @param {string} [more] another class
 */
export function brandMark(more = "") {
  return el("img", { class: `brand-mark ${more}`, src: "chat/icon.svg", alt: "" });
}

/** Colours that an avatar can have; `chat.css` has a class for each. */
const HUES = 8;
/** Names in these scripts are short, and told apart by their end. */
const BY_LAST_CHARACTERS = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]+$/u;

/**
 * A coloured disc with the name's initials.
 * @param {string} name
 * @param {string} id decides the colour
 * @param {boolean} [isGroup]
 */
export function avatar(name, id, isGroup = false) {
  let mix = 0;
  for (const character of id) mix = Math.imul(mix ^ /** @type {number} */ (character.codePointAt(0)), 0x9e3779b1) >>> 0;
  return el("span", { class: `avatar hue-${(mix >>> 16) % HUES}${isGroup ? " is-group" : ""}`, "aria-hidden": "true" }, isGroup ? icon("group") : initialsOf(name));
}

/** @param {string} name */
function initialsOf(name) {
  const characters = Array.from(new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(name), ({ segment }) => segment);
  if (BY_LAST_CHARACTERS.test(name)) return characters.slice(-2).join("");
  const words = name.split(/[\s._~@-]+/u).filter(Boolean);
  if (words.length > 1 && characters.length > 2) return (firstOf(words[0]) + firstOf(words[1])).toUpperCase();
  return (characters[0] ?? "?").toUpperCase();
}

/** @param {string} word */
function firstOf(word) {
  return String.fromCodePoint(/** @type {number} */ (word.codePointAt(0)));
}

const LINK = /https?:\/\/[^\s<>"'（）。，]+[^\s<>"'（）。，.,;:!?)\]]/gu;

/**
 * Text with its web addresses as links.
 * @param {string} text
 * @returns {(string | HTMLElement)[]}
 */
export function withLinks(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    parts.push(text.slice(end, match.index));
    parts.push(el("a", { href: match[0], target: "_blank", rel: "noopener noreferrer", text: match[0] }));
    end = match.index + match[0].length;
  }
  parts.push(text.slice(end));
  return parts.filter((part) => part !== "");
}

/**
 * Makes `parent` hold exactly `wanted`, in order, and touches only what differs: focus, selection and scrolling survive.
 * @param {Element} parent
 * @param {Element[]} wanted
 */
export function place(parent, wanted) {
  const keep = new Set(wanted);
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
  let at = parent.firstElementChild;
  for (const element of wanted) {
    if (element === at) at = at.nextElementSibling;
    else parent.insertBefore(element, at);
  }
}
