/**
 * @file Which messages without `seq` came already (`store: none`).
 *
 * Promises: a repeat of one of the latest is seen as such.
 * Does not: find holes; without a store there is nothing to fill them from.
 */

export class RecentMessages {
  /** @param {number} max */
  constructor(max) {
    this.#max = max;
  }

  #max;
  /** @type {Set<string>} */
  #ids = new Set();

  /** @param {{message_id?: string}} message */
  isNew({ message_id: id }) {
    if (id === undefined) return true;
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    if (this.#ids.size > this.#max) this.#ids.delete(/** @type {string} */ (this.#ids.values().next().value));
    return true;
  }
}
