//! Section `gateway`.

use crate::config::{
    scalar::{Count, FilePath, Listen, Net, Span},
    settings::section,
};

section! {
    /// The gateway. Its routes stand under `spring.cloud.gateway`, as Spring Cloud Gateway reads them.
    Gateway in "gateway" {
        /// Where clients connect.
        main listen: Listen = Is("127.0.0.1:8080");
        /// Where `/healthz`, `/readyz` and `/metrics` are answered.
        main api: Listen = Is("127.0.0.1:19981");
        /// The proxies whose `X-Forwarded-*` is believed and handed on; what others send of it is dropped.
        main trusted_proxies: Vec<Net> = Is("[]");
        /// The folder that keeps the last good lists of instances, so that a gateway starts while the registry is away.
        main state: FilePath = Is("trunkline-data");
        /// How long a connect to an instance may take.
        fine connect_timeout: Span = Is("1s");
        /// How long a handshake may take in all, over every instance tried.
        fine handshake_timeout: Span = Is("10s");
        /// How many instances are tried for one handshake.
        fine tries_max: Count = Is("3");
        /// For how long an instance that failed is left out, the first time; it doubles with every failure.
        fine eject_first: Span = Is("1s"), zero "no instance is left out";
        /// For how long an instance that failed is left out at most.
        fine eject_max: Span = Is("60s");
        /// How long an instance that vanished from the registry is still used, unless a connect to it fails.
        fine vanished_keep: Span = Is("20s"), zero "not at all";
    }
}
