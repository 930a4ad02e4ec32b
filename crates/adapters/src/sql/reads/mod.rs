//! What is read from the store, each on one snapshot: for many at once, in a number of statements that does not grow with their number.

mod conversations;
mod heads;
mod members;
mod pages;
mod unread;

pub(super) use conversations::conversations;
pub(super) use heads::{positions, recent_heads};
pub(super) use members::{groups_of, rosters};
pub(super) use pages::pages;
pub(super) use unread::unread;
