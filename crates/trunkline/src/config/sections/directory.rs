//! Section `directory`.

use crate::config::{
    scalar::{Count, Span, UrlText},
    settings::section,
};

section! {
    /// Where a user's sessions are found: `memory`, or `redis://user:password@host:6379/DB?prefix=&classic_keys=&classic_prefix=`.
    Directory in "directory" {
        /// The back end; `directory: URL` is short for it. Where absent, `spring.data.redis` or `spring.redis` is read.
        main url: Option<UrlText> = Said("`memory`");
        /// A boot whose lease is older than this is dead, and its bindings with it.
        main lease: Span = Is("15s");
        /// How often a boot renews its lease and empties its eviction list; a lease must outlast three of them.
        main renew: Span = Is("5s");
        /// How long the directory may be out of reach before sessions are closed with 4004.
        main outage_grace: Span = Is("5m"), zero "never closed";
        /// How old a claim may be, by the directory's clock, when it arrives there; a login that takes longer is answered with 503.
        fine claim_deadline: Span = Is("2s");
        /// Each binding is compared with the directory once in this time.
        fine verify_every: Span = Is("10m"), zero "never";
        /// How many bindings a second are written again after the lease was lost.
        fine rewrites_per_second: Count = Is("2000"), zero "all at once";
        /// How long a node stays interested in a group after its last member there has left.
        fine interest_linger: Span = Is("30s"), zero "not at all";
        /// How often the Java original's key of a user is written again where it is absent (`classic_keys`).
        fine classic_refresh: Span = Is("30s"), zero "never";
    }
}
