//! What changes the store: each kind of change applied to as many questions as wait, inside a transaction of the writer.
//!
//! Each kind reads what its questions are about in a few statements, works them off in order in memory, and writes what has changed in a few more.
//! So the number of statements does not grow with the number of questions.

mod appends;
mod arrivals;
mod groups;
mod marks;

use ports::store::Denied;
use sqlx::Error;
use wire::id::ConversationId;

pub(super) use arrivals::FirstArrivals;
pub(super) use groups::{GroupChange, NewMembers};
pub(super) use marks::Mark;

use super::ground::Ground;
use super::link::Link;
use super::rosters::Rosters;

/// One kind of change.
pub(super) trait Question: Send + Sync + Sized {
    /// What one who asks is told.
    type Answer: Send;

    /// The conversation whose row guards all that it changes.
    fn conversation(&self) -> ConversationId;

    /// Whether it may make that conversation.
    fn makes_it(&self) -> bool;

    /// Works off questions in order; `ground` has their conversations. Nothing of it holds before the transaction is committed.
    fn apply<L: Link>(
        link: &mut L,
        rosters: &Rosters,
        ground: &mut Ground,
        questions: &[&Self],
    ) -> impl Future<Output = Result<Vec<Result<Self::Answer, Denied>>, Error>> + Send;
}
