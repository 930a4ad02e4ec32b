// The types of the public names. Fields that come from the server keep the names that they have on the wire.

export type Destination = { user: string | number } | { group: string | number };

/** A message that the server keeps (`seq` and all), or passed on (`store: none`: without `seq`). */
export interface Message<Content = unknown> {
  type: "message";
  conversation: string;
  /** Place in the conversation: 1, 2, 3 ... Absent with `store: none`. */
  seq?: number;
  message_id: string;
  from: string | null;
  to: { user?: string; group?: string };
  content: Content;
  /** Milliseconds since 1970. */
  time: number;
  /** The id of the send, on one's own messages. */
  id?: string;
}

export interface Receipt {
  type: "receipt" | "sent";
  id: string;
  message_id: string;
  time: number;
  /** With a store. */
  conversation?: string;
  seq?: number;
  /** With `store: none`. */
  reach?: "delivered" | "posted" | "nobody";
}

export interface Signal<Content = unknown> {
  type: "signal";
  from: string | null;
  to: { user?: string; group?: string };
  content: Content;
  time: number;
}

export interface Page<Content = unknown> {
  type: "page";
  conversation: string;
  /** Where the log now begins for this user. */
  first: number;
  /** Ascending. */
  messages: Message<Content>[];
  more: boolean;
}

export interface Conversation<Content = unknown> {
  conversation: string;
  /** The highest `seq`; 0 for a group without messages. */
  head: number;
  unread: number;
  /** What this user has read. */
  read: number;
  last?: Message<Content>;
}

export interface Conversations<Content = unknown> {
  type: "conversations";
  conversations: Conversation<Content>[];
  next?: string;
}

export interface Members {
  type: "members";
  group: string;
  joined?: string[];
  left?: string[];
}

export interface Unread {
  conversation: string;
  unread: number;
  head: number;
}

export type State = "idle" | "connecting" | "catching-up" | "online" | "waiting" | "stopped";

export interface StateChange {
  state: State;
  /** The node that holds the session. */
  node: string | null;
  /** Whether the connection goes on from what was held. */
  resumed: boolean;
  /** With `waiting` and `stopped`: why. */
  code?: number;
  reason?: string;
  /** With `waiting`. */
  retryMs?: number;
  attempt?: number;
}

export interface Behind {
  conversation: string;
  after: number;
  head: number;
  /** Whether what was delivered of this conversation is void (the server has other messages now). */
  forget: boolean;
}

export interface Saved {
  epoch?: string | null;
  have?: Record<string, number>;
  unsent?: { id: string; text: string; conversation: string; at: number }[];
}

export interface Storage {
  load(): Saved | null | Promise<Saved | null>;
  save(saved: Saved): void;
}

export interface Limits {
  frameBytesMax: number;
  contentBytesMax: number;
  outboxSendsMax: number;
  sendLifeMs: number;
  sendAttemptsMax: number;
  sendsInFlightPerConversationMax: number;
  sendsInFlightMax: number;
  sendsPerSecond: number;
  sendsBurst: number;
  requestTimeoutMs: number;
  requestsMax: number;
  conversationsMax: number;
  heldMessagesMax: number;
  floatingReceiptsMax: number;
  pageMessagesMax: number;
  holeWaitMs: number;
  recentMessagesMax: number;
  connectTimeoutMs: number;
  pingEveryMs: number;
  pongTimeoutMs: number;
  probeTimeoutMs: number;
  backoffFirstMs: number;
  backoffMaxMs: number;
  backoffResetMs: number;
  tokenRefreshMs: number;
  saveEveryMs: number;
}

export interface ClientOptions {
  /** Where the WebSocket is, without the user: `wss://chat.example/ws`. In a browser also relative: `/ws`. */
  url: string | URL;
  user: string | number;
  /** Which kind of client this is: `web`, `ios` ... */
  device?: string;
  /** A token, or a function that gets one; it is called for every connection and before the token ends. */
  token?: string | (() => string | Promise<string>);
  /** How the token travels. Default `subprotocol`; a token that does not fit there goes in `hello` anyway. */
  tokenIn?: "subprotocol" | "hello";
  /** The WebSocket class, where there is no global one: that of the package `ws` in Node.js before 22. */
  WebSocket?: unknown;
  /** Keeps positions and unsent sends for the next life of the page. Only for applications that keep the messages too. */
  storage?: Storage;
  /** What was missed and is too much to be pushed: `fill` (default) reads and delivers all of it, `skip` leaves it to the application. */
  behind?: "fill" | "skip";
  /** Other limits than `LIMITS`. */
  limits?: Partial<Limits>;
  /** For tests. */
  timers?: { now?: () => number; setTimeout?: Function; clearTimeout?: Function };
  /** For tests. */
  random?: () => number;
}

export interface Events<Content = unknown> {
  /** In order and once per conversation. `live` is false for what was missed while away. */
  message: (message: Message<Content>, about: { live: boolean }) => void;
  /** An own send was kept or passed on; its promise resolves with the same. */
  receipt: (receipt: Receipt) => void;
  /** An own send failed for good; its promise rejects with the same fault. */
  refused: (refused: { id: string; fault: Fault }) => void;
  signal: (signal: Signal<Content>) => void;
  read: (read: { conversation: string; user: string; seq: number }) => void;
  members: (members: Members) => void;
  /** What waits unread, after every connect: it is not pushed; `history` has it. */
  unread: (unread: Unread[], about: { more: boolean }) => void;
  behind: (behind: Behind) => void;
  state: (change: StateChange) => void;
  bye: (bye: { code: number; reason: string; reconnect: boolean }) => void;
  /** What concerns no send and no request of the application. */
  error: (fault: Fault, about: { conversation?: string }) => void;
}

export class Client<Content = unknown> {
  constructor(options: ClientOptions);
  readonly user: string;
  readonly state: State;
  readonly node: string | null;
  readonly keepsNothing: boolean;
  readonly unsent: number;
  on<Event extends keyof Events<Content>>(event: Event, listener: Events<Content>[Event]): () => void;
  start(): Promise<void>;
  probe(): void;
  close(): void;
  send(to: Destination, content: Content, options?: { id?: string }): Promise<Receipt>;
  signal(to: Destination, content: unknown): boolean;
  history(conversation: string, options?: { before?: number; after?: number; limit?: number }): Promise<Page<Content>>;
  conversations(options?: { limit?: number; next?: string }): Promise<Conversations<Content>>;
  join(group: string | number): Promise<Members>;
  leave(group: string | number): Promise<Members>;
  read(conversation: string, seq: number): void;
}

export class Fault extends Error {
  constructor(code: string, reason: string, more?: { retryMs?: number | null; closeCode?: number });
  readonly code: string;
  readonly reason: string;
  readonly retryMs: number | null;
  readonly closeCode?: number;
}

export const LIMITS: Readonly<Limits>;
export const CLOSE: Readonly<Record<"normal" | "badText" | "tooBig" | "silent" | "tokenExpired" | "replaced" | "badToken", number>>;
export function mayReconnect(code: number): boolean;
export function newId(): string;
export function isId(id: unknown): id is string;
export function isDevice(device: unknown): device is string;
export function directConversation(a: string, b: string): string;
export function groupConversation(group: string): string;
export function conversationOf(user: string, to: { user?: string; group?: string }): string;
export function destinationOf(user: string, conversation: string): { user: string } | { group: string } | null;
