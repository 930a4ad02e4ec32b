/**
 * @file Resolves `../client/…` to the client's sources, as the server's paths do.
 */

const CLIENT = new URL("../../clients/js/src/", import.meta.url);
const CHAT = new URL("../chat/", import.meta.url).href;

export async function resolve(specifier, context, next) {
  if (specifier.startsWith("../client/")) return next(new URL(specifier.slice("../client/".length), CLIENT).href, context);
  const resolved = await next(specifier, context);
  return resolved.url.startsWith(CHAT) ? { ...resolved, format: "module" } : resolved;
}
