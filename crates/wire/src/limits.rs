//! Every limit that a client, an operator or another node can run into, with its default and the reason for it.
//!
//! A limit of 0 is off where its line says so; the configuration turns 0 into "no limit" when it is read.
//! Limits that only concern one room (a back-off, a batch size) stand beside the code that they bound.

use std::time::Duration;

/// The limits of the `limits` section of the configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// From accepting a socket to the end of its request headers; then 408. A slow writer holds a socket no longer than this.
    pub handshake_timeout: Duration,
    /// Bytes of request line and headers; then 431.
    pub handshake_bytes_max: usize,
    /// Number of request header fields; then 431.
    pub handshake_fields_max: usize,
    /// From the upgrade to a `hello` that is owed; then Close 4002.
    pub hello_timeout: Duration,
    /// Bytes of a frame, and of a whole message in fragments; then Close 1009.
    pub frame_bytes_max: usize,
    /// Bytes of the JSON text of `content`; then `too_large`. Leaves room for the frame around it within 65,536.
    pub content_bytes_max: usize,
    /// How deep arrays and objects may nest; then Close 4502.
    pub json_depth_max: usize,
    /// Bytes of the items of one page, of which there is always at least one; what does not fit is named by `more` or `next`.
    pub page_bytes_max: usize,
    /// Frames that wait to be written to one session; then Close 4001.
    pub send_queue_frames_max: usize,
    /// Bytes that wait to be written to one session; then Close 4001.
    pub send_queue_bytes_max: usize,
    /// For how long a socket may take nothing although something waits; then it is closed.
    pub write_timeout: Duration,
    /// How often a quiet socket is pinged.
    pub ping_every: Duration,
    /// How long a pong may take; then Close 4002.
    pub pong_timeout: Duration,
    /// Sends of one session in a second, in the long run; then `too_many_requests`. 0 is off.
    pub sends_per_second: u32,
    /// Sends of one session at once, after a pause.
    pub sends_burst: u32,
    /// `too_many_requests` that one session may collect in 10 s; then Close 4003.
    pub refusals_max: u32,
    /// Live sessions from one client address; then 429. 0 is off.
    pub sessions_per_address_max: usize,
    /// Live sessions on one node; then 503. 0 is off.
    pub sessions_max: usize,
    /// Handshakes under way on one node; then 503.
    pub handshakes_in_flight_max: usize,
    /// Live sessions of one user; then the oldest login ends with 4500.
    pub devices_max: usize,
    /// Age at which an envelope is no longer delivered, but counts as a hint that something is there.
    pub envelope_life: Duration,
    /// Messages of one conversation that are pushed to catch up; more are named by `behind`.
    pub behind_after: u64,
    /// From the start of a drain to the first closed session.
    pub drain_notice: Duration,
    /// Over how long a drain closes its sessions, at most.
    pub drain_spread: Duration,
    /// From the start of a drain to its end, whatever is left.
    pub drain_hard_stop: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            handshake_timeout: Duration::from_secs(5),
            handshake_bytes_max: 16 * 1024,
            handshake_fields_max: 64,
            hello_timeout: Duration::from_secs(10),
            frame_bytes_max: FRAME_BYTES_MAX,
            content_bytes_max: 60_000,
            json_depth_max: 16,
            page_bytes_max: 60 * 1024,
            send_queue_frames_max: 256,
            send_queue_bytes_max: 1024 * 1024,
            write_timeout: Duration::from_secs(10),
            ping_every: Duration::from_secs(25),
            pong_timeout: Duration::from_secs(10),
            sends_per_second: 20,
            sends_burst: 60,
            refusals_max: 60,
            sessions_per_address_max: 2_000,
            sessions_max: 50_000,
            handshakes_in_flight_max: 1_000,
            devices_max: 8,
            envelope_life: Duration::from_secs(30),
            behind_after: 500,
            drain_notice: Duration::from_secs(10),
            drain_spread: Duration::from_secs(60),
            drain_hard_stop: Duration::from_secs(75),
        }
    }
}

/// No frame that a node writes is longer: Spring Cloud Gateway drops a longer one and closes the socket.
pub const FRAME_BYTES_MAX: usize = 65_536;
/// Characters of the id of a user or a group.
pub const ID_CHARS_MAX: usize = 64;
/// Characters of a device.
pub const DEVICE_CHARS_MAX: usize = 32;
/// Characters of a node name.
pub const NODE_NAME_CHARS_MAX: usize = 64;
/// Characters of a client's name of a request.
pub const CLIENT_ID_CHARS_MAX: usize = 64;
/// Messages on one page of `history`.
pub const HISTORY_ITEMS_MAX: usize = 200;
/// Conversations on one page.
pub const CONVERSATIONS_ITEMS_MAX: usize = 200;
/// Items of a page when the client does not say.
pub const PAGE_ITEMS_DEFAULT: usize = 50;
/// Conversations that one `have` may name.
pub const HAVE_ITEMS_MAX: usize = 1_000;
/// Conversations that one `welcome` names.
pub const WELCOME_ITEMS_MAX: usize = 200;
/// Members of a group up to which `read`, joining and leaving are told to the others: beyond it, the noise would outweigh the use.
pub const TOLD_MEMBERS_MAX: usize = 200;
/// Users of one list that a message is addressed to over HTTP.
pub const USERS_PER_SEND_MAX: usize = 1_000;
/// Ids of one call that adds or sets members.
pub const MEMBERS_PER_CALL_MAX: usize = 10_000;
/// The largest integer that every JSON reader keeps exact; ids of the older Java service may be larger, sequence numbers never are.
pub const SEQ_MAX: u64 = (1 << 53) - 1;
