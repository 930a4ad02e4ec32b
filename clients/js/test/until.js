/**
 * @file Waiting for something to become true.
 */

const PATIENCE_MS = 5_000;
const LOOK_EVERY_MS = 5;

/**
 * Resolves with what `probe` returns as soon as that is truthy.
 * @template T
 * @param {() => T | Promise<T>} probe
 * @param {string} what for the error when it never is
 * @param {number} [patienceMs]
 * @returns {Promise<T>}
 */
export async function until(probe, what, patienceMs = PATIENCE_MS) {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
