//! Six ways to get it wrong, for trust in those who check: with the feature `sabotage` a node can be told to break one rule, and the judge of
//! simulator and chaos has to notice.
//!
//! | sabotage | what is done instead | where | must be caught as |
//! | --- | --- | --- | --- |
//! | `receipt_before_commit` | The receipt is given before the store is asked. | `dispatch/kept.rs` | `lost` |
//! | `release_without_session` | Who leaves gives up whatever session holds the slot by then. | `bindings.rs` | `two_sessions` |
//! | `no_order_check` | A message is pushed when it comes, whatever came before it. | `session/machine/showing.rs` | `out_of_order` |
//! | `no_deduplication` | What comes again is pushed again. | `session/machine/showing.rs` | `twice_pushed` |
//! | `post_without_catch_up` | What never came is not read from the store. | `session/machine/showing.rs` | `holes` |
//! | `evict_by_user` | An eviction ends all sessions that the user has here. | `bindings.rs` | `wrongly_evicted` |
//!
//! Without the feature nothing of it is compiled.

/// Which rule a node breaks: none, unless it was told to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sabotaged {
    #[cfg(feature = "sabotage")]
    by: Option<Sabotage>,
}

#[cfg(feature = "sabotage")]
pub use with_feature::Sabotage;

#[cfg(feature = "sabotage")]
mod with_feature {
    use super::Sabotaged;

    /// A rule to break. The table is in the module.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Sabotage {
        /// The receipt is given before the store is asked.
        ReceiptBeforeCommit,
        /// Who leaves gives up whatever session holds the slot by then.
        ReleaseWithoutSession,
        /// A message is pushed when it comes, whatever came before it.
        NoOrderCheck,
        /// What comes again is pushed again.
        NoDeduplication,
        /// What never came is not read from the store.
        PostWithoutCatchUp,
        /// An eviction ends all sessions that the user has here.
        EvictByUser,
    }

    impl Sabotage {
        /// All of them.
        pub const ALL: [Sabotage; 6] = [
            Sabotage::ReceiptBeforeCommit,
            Sabotage::ReleaseWithoutSession,
            Sabotage::NoOrderCheck,
            Sabotage::NoDeduplication,
            Sabotage::PostWithoutCatchUp,
            Sabotage::EvictByUser,
        ];

        /// Its name.
        pub fn name(self) -> &'static str {
            match self {
                Sabotage::ReceiptBeforeCommit => "receipt_before_commit",
                Sabotage::ReleaseWithoutSession => "release_without_session",
                Sabotage::NoOrderCheck => "no_order_check",
                Sabotage::NoDeduplication => "no_deduplication",
                Sabotage::PostWithoutCatchUp => "post_without_catch_up",
                Sabotage::EvictByUser => "evict_by_user",
            }
        }

        /// The one of this name.
        pub fn named(name: &str) -> Option<Sabotage> {
            Sabotage::ALL.into_iter().find(|sabotage| sabotage.name() == name)
        }

        /// The check of the judge that must catch it, by name.
        pub fn caught_as(self) -> &'static str {
            match self {
                Sabotage::ReceiptBeforeCommit => "lost",
                Sabotage::ReleaseWithoutSession => "two_sessions",
                Sabotage::NoOrderCheck => "out_of_order",
                Sabotage::NoDeduplication => "twice_pushed",
                Sabotage::PostWithoutCatchUp => "holes",
                Sabotage::EvictByUser => "wrongly_evicted",
            }
        }
    }

    impl Sabotaged {
        /// Breaks this rule.
        pub(crate) fn by(sabotage: Sabotage) -> Sabotaged {
            Sabotaged { by: Some(sabotage) }
        }

        /// Whether it breaks this rule.
        pub(crate) fn is(self, sabotage: Sabotage) -> bool {
            self.by == Some(sabotage)
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_table_names_each_with_what_catches_it() {
            let table = include_str!("sabotage.rs");
            for sabotage in Sabotage::ALL {
                let row =
                    table.lines().find(|line| line.starts_with(&format!("//! | `{}` |", sabotage.name())));
                let row = row.unwrap_or_else(|| panic!("no row of {}", sabotage.name()));
                assert!(row.ends_with(&format!("| `{}` |", sabotage.caught_as())), "{row}");
                assert_eq!(Sabotage::named(sabotage.name()), Some(sabotage));
            }
        }
    }
}
