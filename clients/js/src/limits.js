/**
 * @file Every bound of the client, with its unit and its reason.
 *
 * Promises: nothing in this package grows, waits or repeats without a limit that stands here.
 * Does not: read anything from the server; where a deployment has other limits, the options of `Client` say so.
 */

const SECOND_MS = 1_000;
const HOUR_MS = 3_600 * SECOND_MS;

/** The defaults of all limits; `Client` takes another value for each by the same name. */
export const LIMITS = Object.freeze({
  /** A longer frame makes the server, or a gateway before it, close the socket with 1009. */
  frameBytesMax: 65_536,
  /** The server refuses longer content as `too_large`; refusing here costs no round trip. */
  contentBytesMax: 60_000,

  /** Sends that wait for an answer; more means that nobody takes them away, so `send` refuses. */
  outboxSendsMax: 1_000,
  /** The server remembers a send's id for at least this long; a later repetition could be kept twice. */
  sendLifeMs: 24 * HOUR_MS,
  /** Refusals with `retry_ms` that one send survives before it fails. */
  sendAttemptsMax: 20,
  /** Unanswered sends of one conversation. One keeps their order whatever the server refuses in between. */
  sendsInFlightPerConversationMax: 1,
  /** Unanswered sends of one connection: what a refusal can hit at once stays far from the server's limit (60 in 10 s). */
  sendsInFlightMax: 16,
  /** Sends a second, kept under the server's default of 20 so that it never has to refuse one; 0 = no pace. */
  sendsPerSecond: 18,
  /** Sends at once before the pace applies, kept under the server's default of 60. */
  sendsBurst: 50,

  /** An unanswered request fails after this, reconnects included. */
  requestTimeoutMs: 30 * SECOND_MS,
  /** Requests that wait for an answer. */
  requestsMax: 256,

  /** Conversations whose position is remembered; the server reads no more in one `hello`. */
  conversationsMax: 1_000,
  /** Messages of one conversation held until a hole before them is filled; what is beyond comes with the history. */
  heldMessagesMax: 1_000,
  /** Receipts of one conversation that came before their turn. */
  floatingReceiptsMax: 1_024,
  /** Messages a page that fills a hole asks for; the server's maximum. */
  pageMessagesMax: 200,
  /** With sends of ours unanswered, a hole may be our own message whose receipt is under way: wait this long before asking. */
  holeWaitMs: 300,
  /** Messages without `seq` (`store: none`) whose ids are remembered, to drop repeats. */
  recentMessagesMax: 1_000,

  /** From the first byte to `welcome`: the gateway's 10 s for a handshake and some for the way. */
  connectTimeoutMs: 15 * SECOND_MS,
  /** Own ping: with the wait for its answer a dead socket is noticed within 40 s. */
  pingEveryMs: 25 * SECOND_MS,
  /** Silence after a ping that ends the connection. */
  pongTimeoutMs: 12 * SECOND_MS,
  /** The same when the network or the page has just come back: a person is waiting. */
  probeTimeoutMs: 4 * SECOND_MS,

  /** The first wait between two attempts is at most this. */
  backoffFirstMs: 1 * SECOND_MS,
  /** No wait is longer than this. */
  backoffMaxMs: 30 * SECOND_MS,
  /** A connection that lived this long was a good one: the next wait is a first one again. */
  backoffResetMs: 10 * SECOND_MS,

  /** A new token is asked for this long before the old one ends. */
  tokenRefreshMs: 60 * SECOND_MS,
  /** Positions are saved at most this often; a stale one only costs a repeated push. */
  saveEveryMs: 250,
});
