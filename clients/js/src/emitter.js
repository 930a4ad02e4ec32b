/**
 * @file Listeners by event name.
 *
 * Promises: listeners are called in the order they came; one that throws stops neither the others nor the client.
 * Does not: queue; who listens late has missed what was.
 */

export class Emitter {
  /** @type {Map<string, Set<Function>>} */
  #listeners = new Map();

  /**
   * Calls `listener` at each `event` until the returned function is called.
   * @param {string} event
   * @param {Function} listener
   * @returns {() => void}
   */
  on(event, listener) {
    const listeners = this.#listeners.get(event) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(event, listeners);
    return () => listeners.delete(listener);
  }

  /**
   * @param {string} event
   * @param {...unknown} values
   */
  emit(event, ...values) {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      try {
        listener(...values);
      } catch (error) {
        // The environment reports it as uncaught; swallowing it would hide a defect of the application.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
