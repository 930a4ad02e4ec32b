//! The reads of the log that a session waits for, and how many of them are under way at once.
//!
//! What a read brings goes on the send queue, so a client that comes back with many conversations must not have them all read together:
//! it would be closed as slow for what it asked for. One read is under way at first; while reads bring little, more are.

use std::collections::VecDeque;

use wire::id::{ConversationId, Seq};

/// Reads under way at once, at most: a thousand conversations without news are looked through in some sixty rounds.
const WIDTH_MAX: usize = 16;
/// Messages of a page that are little: as many pages as may be under way bring half a send queue of them.
const FEW: usize = 8;

/// The reads of one session.
#[derive(Debug)]
pub(super) struct Reads {
    waiting: VecDeque<(ConversationId, Seq)>,
    under_way: usize,
    width: usize,
}

impl Reads {
    /// Nothing is to be read.
    pub(super) fn new() -> Reads {
        Reads { waiting: VecDeque::new(), under_way: 0, width: 1 }
    }

    /// The log above `after` is to be read.
    pub(super) fn push(&mut self, conversation: ConversationId, after: Seq) {
        self.waiting.push_back((conversation, after));
    }

    /// The next read, where one more may be under way.
    pub(super) fn start_next(&mut self) -> Option<(ConversationId, Seq)> {
        if self.under_way >= self.width {
            return None;
        }
        let read = self.waiting.pop_front();
        self.under_way += usize::from(read.is_some());
        if self.waiting.is_empty() {
            // A session that has caught up keeps no room for it.
            self.waiting = VecDeque::new();
        }
        read
    }

    /// A read is over, and brought so many messages.
    pub(super) fn ended(&mut self, messages: usize) {
        self.under_way = self.under_way.saturating_sub(1);
        self.width = if messages <= FEW { (self.width * 2).min(WIDTH_MAX) } else { 1 };
    }

    /// A read is over, and what it brought found no room: it is the next one to be started.
    pub(super) fn put_back(&mut self, conversation: ConversationId, after: Seq) {
        self.under_way = self.under_way.saturating_sub(1);
        self.width = 1;
        self.waiting.push_front((conversation, after));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(count: usize) -> Reads {
        let mut reads = Reads::new();
        for idx in 0..count {
            reads.push(format!("g:{idx}").parse().unwrap(), 0);
        }
        reads
    }

    fn started(reads: &mut Reads) -> usize {
        std::iter::from_fn(|| reads.start_next()).count()
    }

    #[test]
    fn full_pages_are_read_one_by_one_and_empty_ones_in_growing_rounds() {
        let mut reads = reads(100);
        let mut rounds = Vec::new();
        for _ in 0..6 {
            let round = started(&mut reads);
            rounds.push(round);
            (0..round).for_each(|_| reads.ended(0));
        }
        assert_eq!(rounds, [1, 2, 8, 16, 16, 16]);
        reads.ended(FEW + 1);
        assert_eq!(started(&mut reads), 1);
        assert_eq!(started(&mut reads), 0);
    }

    #[test]
    fn what_found_no_room_comes_first_and_alone() {
        let mut reads = reads(2);
        reads.start_next();
        reads.ended(0);
        let (second, _) = reads.start_next().unwrap();
        reads.push("g:9".parse().unwrap(), 0);
        reads.put_back(second.clone(), 7);
        assert_eq!(reads.start_next(), Some((second, 7)));
        assert_eq!(reads.start_next(), None);
    }
}
