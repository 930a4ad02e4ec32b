/**
 * @file Fills holes by reading the history.
 *
 * Promises: what is missing between two pushed messages, or was announced as `behind`, is asked for until it is there or known to be gone;
 * few conversations at a time, so that a long absence does not become a burst.
 * Does not: decide what is a hole (`positions.js` does), nor go on across a lost connection: the next session resumes from `have`.
 */

/** Conversations that are read at the same time. */
const FILLS_MAX = 4;
/** Refusals with `retry_ms` that one hole survives. */
const RETRIES_MAX = 10;

export class CatchUp {
  /**
   * @param {object} parts
   * @param {import("./positions.js").Positions} parts.positions
   * @param {(conversation: string, after: number) => Promise<{messages: any[], more: boolean}>} parts.read
   * @param {(messages: any[]) => void} parts.deliver
   * @param {(conversation: string, error: import("./fault.js").Fault) => void} parts.gaveUp
   * @param {(conversation: string) => boolean} parts.awaitsReceipt
   * @param {import("./clock.js").Clock} parts.clock
   * @param {{holeWaitMs: number}} parts.limits
   */
  constructor(parts) {
    this.#parts = parts;
  }

  #parts;
  /** Changes when the connection is lost: whoever finds another number than he started with stops. */
  #life = 0;
  /** @type {Set<string>} */
  #active = new Set();
  /** @type {Set<string>} */
  #waiting = new Set();

  /** @param {string} conversation */
  fill(conversation) {
    if (this.#active.has(conversation)) return;
    this.#waiting.add(conversation);
    this.#next();
  }

  /** The connection is lost. */
  lost() {
    this.#life += 1;
    this.#active.clear();
    this.#waiting.clear();
  }

  #next() {
    for (const conversation of this.#waiting) {
      if (this.#active.size >= FILLS_MAX) return;
      this.#waiting.delete(conversation);
      this.#active.add(conversation);
      const life = this.#life;
      this.#run(conversation, life).finally(() => {
        if (life !== this.#life) return;
        this.#active.delete(conversation);
        // A message above a new hole may have come between the last look and now.
        if (this.#parts.positions.hasHole(conversation)) this.#waiting.add(conversation);
        this.#next();
      });
    }
  }

  /**
   * @param {string} conversation
   * @param {number} life
   */
  async #run(conversation, life) {
    const { positions, read, deliver, gaveUp, awaitsReceipt, clock, limits } = this.#parts;
    if (awaitsReceipt(conversation)) await clock.sleep(limits.holeWaitMs);
    let retries = 0;
    while (life === this.#life && positions.hasHole(conversation)) {
      try {
        const page = await read(conversation, positions.at(conversation) ?? 0);
        if (life === this.#life) deliver(positions.fill(conversation, page));
      } catch (error) {
        if (life !== this.#life) return;
        const fault = /** @type {import("./fault.js").Fault} */ (error);
        retries += 1;
        if (fault.retryMs === null || retries > RETRIES_MAX) {
          positions.forget(conversation);
          gaveUp(conversation, fault);
          return;
        }
        await clock.sleep(fault.retryMs);
      }
    }
  }
}
