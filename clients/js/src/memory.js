/**
 * @file What outlives the page: positions and unsent sends, in the application's own storage.
 *
 * Promises: a send is handed to the storage before `send` returns; positions soon after.
 * Does not: insist; a storage that is full or forbidden costs the next life of the page its memory, and this one nothing.
 */

/** @typedef {{epoch?: string | null, have?: Record<string, number>, unsent?: {id: string, text: string, conversation: string, at: number}[]}} Saved */

export class Memory {
  /**
   * @param {object} parts
   * @param {{load: () => Saved | null | Promise<Saved | null>, save: (saved: Saved) => void} | undefined} parts.storage
   * @param {import("./clock.js").Clock} parts.clock
   * @param {number} parts.saveEveryMs
   * @param {() => Saved} parts.state
   * @param {(error: Error) => void} parts.failed
   */
  constructor({ storage, clock, saveEveryMs, state, failed }) {
    this.#storage = storage;
    this.#clock = clock;
    this.#saveEveryMs = saveEveryMs;
    this.#state = state;
    this.#failed = failed;
  }

  #storage;
  #clock;
  #saveEveryMs;
  #state;
  #failed;
  #isLoaded = false;
  /** @type {(() => void) | null} */
  #cancelSave = null;

  /** What an earlier life left, the first time; null after that. @returns {Promise<Saved | null>} */
  async load() {
    if (this.#isLoaded || this.#storage === undefined) return null;
    try {
      return (await this.#storage.load()) ?? null;
    } catch (error) {
      this.#failed(/** @type {Error} */ (error));
      return null;
    } finally {
      this.#isLoaded = true;
    }
  }

  save() {
    this.#cancelSave?.();
    this.#cancelSave = null;
    // Saving before loading would overwrite what an earlier life left.
    if (!this.#isLoaded) return;
    try {
      this.#storage?.save(this.#state());
    } catch (error) {
      this.#failed(/** @type {Error} */ (error));
    }
  }

  saveSoon() {
    if (this.#storage !== undefined) this.#cancelSave ??= this.#clock.after(this.#saveEveryMs, () => this.save());
  }
}
