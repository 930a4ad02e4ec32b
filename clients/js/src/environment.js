/**
 * @file What a browser knows about the network and the person.
 *
 * Promises: `back` is called when the network returns, the page becomes visible, or is taken out of the back/forward cache; `leaving` when it may be gone for good.
 * Does not: do anything where there is no window (Node.js, workers without `online`).
 */

/**
 * @param {{back: () => void, leaving: () => void}} calls
 * @param {any} [scope]
 * @returns {() => void} stops watching
 */
export function watchEnvironment({ back, leaving }, scope = globalThis) {
  if (typeof scope.addEventListener !== "function") return () => {};
  const document = scope.document;
  const visible = () => {
    if (document.visibilityState === "visible") back();
    else leaving();
  };
  scope.addEventListener("online", back);
  scope.addEventListener("pageshow", back);
  scope.addEventListener("pagehide", leaving);
  document?.addEventListener("visibilitychange", visible);
  return () => {
    scope.removeEventListener("online", back);
    scope.removeEventListener("pageshow", back);
    scope.removeEventListener("pagehide", leaving);
    document?.removeEventListener("visibilitychange", visible);
  };
}
