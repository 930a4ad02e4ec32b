/**
 * @file The package's public names.
 *
 * Promises: what stands here changes only with a new major version; what does not may change at any time.
 */

export { Client } from "./client.js";
export { CLOSE, Fault, mayReconnect } from "./fault.js";
export { newId } from "./frames.js";
export { conversationOf, destinationOf, directConversation, groupConversation, isDevice, isId } from "./ids.js";
export { LIMITS } from "./limits.js";
