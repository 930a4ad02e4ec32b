//! Section `limits`: the keys of `wire::limits::Limits`, and how they become one.

use std::time::Duration;

use crate::config::{
    scalar::{Count, Size, Span},
    settings::section,
};

section! {
    /// What a client, an address or a node may use up.
    Limits in "limits" {
        /// From accepting a socket to the end of its request headers; then 408.
        fine handshake_timeout: Span = Is("5s"), zero "no limit";
        /// Bytes of request line and headers; then 431.
        fine handshake_bytes_max: Size = Is("16KiB");
        /// Number of request header fields; then 431.
        fine handshake_fields_max: Count = Is("64");
        /// From the upgrade to a `hello` that is owed; then Close 4002.
        main hello_timeout: Span = Is("10s"), zero "no limit";
        /// Bytes of a frame, and of a whole message in fragments; then Close 1009.
        main frame_bytes_max: Size = Is("65536");
        /// Bytes of the JSON text of `content`; then `too_large`.
        main content_bytes_max: Size = Is("60000");
        /// How deep arrays and objects may nest; then Close 4502.
        fine json_depth_max: Count = Is("16");
        /// Bytes of the items of one page, of which there is always at least one; what does not fit is named by `more`.
        fine page_bytes_max: Size = Is("60KiB");
        /// Frames that wait to be written to one session; then Close 4001.
        main send_queue_frames_max: Count = Is("256"), zero "no limit";
        /// Bytes that wait to be written to one session; then Close 4001.
        main send_queue_bytes_max: Size = Is("1MiB"), zero "no limit";
        /// For how long a socket may take nothing although something waits; then Close 4001.
        main write_timeout: Span = Is("10s"), zero "no limit";
        /// How often a quiet socket is pinged.
        main ping_every: Span = Is("25s"), zero "never";
        /// How long a pong may take; then Close 4002.
        main pong_timeout: Span = Is("10s"), zero "no limit";
        /// Sends of one session in a second, in the long run; then `too_many_requests`.
        main sends_per_second: Count = Is("20"), zero "no limit";
        /// Sends of one session at once, after a pause.
        main sends_burst: Count = Is("60"), zero "no limit";
        /// `too_many_requests` that one session may collect in 10 s; then Close 4003.
        fine refusals_max: Count = Is("60"), zero "no limit";
        /// Live sessions from one client address; then 429.
        main sessions_per_address_max: Count = Is("2000"), zero "no limit";
        /// Live sessions on one node; then 503.
        main sessions_max: Count = Is("50000"), zero "no limit";
        /// Handshakes under way on one node; then 503.
        main handshakes_in_flight_max: Count = Is("1000"), zero "no limit";
        /// Live sessions of one user; then the oldest login ends with 4500.
        main devices_max: Count = Is("8"), zero "no limit";
        /// Age at which an envelope is no longer delivered, but counts as a hint that something is there.
        fine envelope_life: Span = Is("30s"), zero "no limit";
        /// Messages of one conversation that are pushed to catch up; more are named by `behind`.
        main behind_after: Count = Is("500"), zero "no limit";
        /// From the start of a drain to the first closed session; 40s suits Java gateways, whose lists are 35 s old.
        main drain_notice: Option<Span> = Said("`10s`; in `up`, `0`"), zero "closes at once";
        /// Over how long a drain closes its sessions, at most.
        main drain_spread: Span = Is("60s"), zero "all at once";
        /// From the start of a drain to its end, whatever is left.
        main drain_hard_stop: Span = Is("75s"), zero "cuts at once";
    }
}

/// What "no limit" is in numbers: large enough for anything, small enough to be added to a clock or a sum.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
const UNCOUNTED: u32 = u32::MAX / 4;

impl Limits {
    /// The limits as the node and the gateway take them: 0 has become "no limit".
    pub fn to_wire(&self) -> wire::limits::Limits {
        let built_in = wire::limits::Limits::default();
        let off = |span: &Span| if span.0.is_zero() { FOREVER } else { span.0 };
        let count = |count: &Count| if count.0 == 0 { UNCOUNTED } else { count.0 };
        let size = |size: &Size| usize::try_from(size.0).unwrap_or(usize::MAX / 4);
        let size_or_off = |bytes: &Size| if bytes.0 == 0 { UNCOUNTED as usize } else { size(bytes) };
        wire::limits::Limits {
            handshake_timeout: off(&self.handshake_timeout),
            handshake_bytes_max: size(&self.handshake_bytes_max),
            handshake_fields_max: self.handshake_fields_max.0 as usize,
            hello_timeout: off(&self.hello_timeout),
            frame_bytes_max: size(&self.frame_bytes_max),
            content_bytes_max: size(&self.content_bytes_max),
            json_depth_max: self.json_depth_max.0 as usize,
            page_bytes_max: size(&self.page_bytes_max),
            send_queue_frames_max: count(&self.send_queue_frames_max) as usize,
            send_queue_bytes_max: size_or_off(&self.send_queue_bytes_max),
            write_timeout: off(&self.write_timeout),
            ping_every: off(&self.ping_every),
            pong_timeout: off(&self.pong_timeout),
            // These three are switched off by 0 where they are used.
            sends_per_second: self.sends_per_second.0,
            sessions_per_address_max: self.sessions_per_address_max.0 as usize,
            sessions_max: self.sessions_max.0 as usize,
            sends_burst: count(&self.sends_burst),
            refusals_max: count(&self.refusals_max),
            handshakes_in_flight_max: count(&self.handshakes_in_flight_max) as usize,
            devices_max: count(&self.devices_max) as usize,
            envelope_life: off(&self.envelope_life),
            behind_after: u64::from(count(&self.behind_after)),
            drain_notice: self.drain_notice.as_ref().map_or(built_in.drain_notice, |span| span.0),
            drain_spread: self.drain_spread.0,
            drain_hard_stop: self.drain_hard_stop.0,
        }
    }
}
