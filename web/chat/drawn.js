/**
 * @file Elements that are drawn once and again only when what they show has changed.
 *
 * Promises: the same key and the same content give the same element.
 * Does not: look into the content; whoever draws says in `looks` what it depends on.
 */

/**
 * @typedef {object} Drawing
 * @property {string} key
 * @property {string} looks everything that the element depends on
 * @property {() => HTMLElement} draw
 */

export class Drawn {
  /** @type {Map<string, {looks: string, element: HTMLElement}>} */
  #drawn = new Map();

  /**
   * @param {Drawing[]} drawings
   * @returns {HTMLElement[]}
   */
  elements(drawings) {
    const next = new Map();
    for (const { key, looks, draw } of drawings) {
      const old = this.#drawn.get(key);
      next.set(key, old?.looks === looks ? old : { looks, element: draw() });
    }
    this.#drawn = next;
    return [...next.values()].map(({ element }) => element);
  }

  /** @param {string} key */
  get(key) {
    return this.#drawn.get(key)?.element ?? null;
  }
}
