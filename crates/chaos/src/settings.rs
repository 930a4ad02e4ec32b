//! How patient the cluster of a run is: shorter than the defaults where a run is short, so that every kind of fault fits.

use std::time::Duration;

/// From here on the defaults are what is tried.
const LONG_RUN: Duration = Duration::from_secs(900);

/// The settings that faults are measured against, and how long faults last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// `directory.lease`.
    pub(crate) lease: Duration,
    /// `directory.renew`.
    pub(crate) renew: Duration,
    /// `limits.ping_every`.
    pub(crate) ping_every: Duration,
    /// `limits.pong_timeout`.
    pub(crate) pong_timeout: Duration,
    /// `limits.drain_notice`.
    pub(crate) drain_notice: Duration,
    /// `limits.drain_spread`.
    pub(crate) drain_spread: Duration,
    /// `limits.drain_hard_stop`.
    pub(crate) drain_hard_stop: Duration,
    /// For how long Redis stands still.
    pub(crate) directory_pause: Duration,
    /// For how long Nacos is away.
    pub(crate) registry_away: Duration,
}

impl Settings {
    /// Those of a run of this length.
    pub(crate) fn of(time: Duration) -> Self {
        let seconds = Duration::from_secs;
        if time >= LONG_RUN {
            return Self {
                lease: seconds(15),
                renew: seconds(5),
                ping_every: seconds(25),
                pong_timeout: seconds(10),
                drain_notice: seconds(10),
                drain_spread: seconds(60),
                drain_hard_stop: seconds(75),
                directory_pause: seconds(20),
                registry_away: seconds(120),
            };
        }
        Self {
            // The lease of the other stories: a debug build on two busy cores renews it in time.
            lease: seconds(6),
            renew: seconds(2),
            ping_every: seconds(4),
            pong_timeout: seconds(4),
            drain_notice: seconds(1),
            drain_spread: seconds(2),
            drain_hard_stop: seconds(8),
            directory_pause: seconds(5),
            registry_away: seconds(7),
        }
    }

    /// As the lines of a node's configuration.
    pub(crate) fn limits(&self) -> String {
        let ms = |time: Duration| format!("{}ms", time.as_millis());
        format!(
            "{{ ping_every: {}, pong_timeout: {}, drain_notice: {}, drain_spread: {}, drain_hard_stop: {} }}",
            ms(self.ping_every),
            ms(self.pong_timeout),
            ms(self.drain_notice),
            ms(self.drain_spread),
            ms(self.drain_hard_stop),
        )
    }
}
