//! Who was a member of what, and when: surely, perhaps, or surely not.
//!
//! Between the question and its answer nobody outside can know; then both are right.

use std::collections::{BTreeMap, BTreeSet};

use super::fact::{Entry, Fact};

/// The memberships of all groups.
pub(super) struct Members<'a> {
    groups: BTreeMap<&'a str, BTreeMap<&'a str, Vec<Turn>>>,
}

/// From this moment on, until the next turn.
#[derive(Clone, Copy)]
struct Turn {
    at_us: u64,
    surely: bool,
    perhaps: bool,
}

/// The group that everybody is in, from whenever on.
const EVERYONE: &str = "everyone";

impl<'a> Members<'a> {
    pub(crate) fn of(entries: &'a [Entry]) -> Members<'a> {
        let mut groups: BTreeMap<&'a str, BTreeMap<&'a str, Vec<Turn>>> = BTreeMap::new();
        for Entry { at_us, fact } in entries {
            let (group, user, surely, perhaps) = match fact {
                Fact::Joining { group, user } => (group, user, false, true),
                Fact::Joined { group, user } => (group, user, true, true),
                Fact::Leaving { group, user } => (group, user, false, true),
                Fact::Left { group, user } => (group, user, false, false),
                _ => continue,
            };
            let turns = groups.entry(group).or_default().entry(user).or_default();
            // Who asks to join what he is in already stays in it.
            let stays = matches!(fact, Fact::Joining { .. }) && turns.last().is_some_and(|turn| turn.surely);
            turns.push(Turn { at_us: *at_us, surely: surely || stays, perhaps });
        }
        Members { groups }
    }

    /// Everybody who was ever a member.
    pub(crate) fn ever(&self, conversation: &'a str) -> BTreeSet<&'a str> {
        match parse(conversation) {
            Kind::Direct(one, other) => BTreeSet::from([one, other]),
            Kind::Group(group) => {
                self.groups.get(group).map_or_else(BTreeSet::new, |users| users.keys().copied().collect())
            }
            Kind::None => BTreeSet::new(),
        }
    }

    /// True when the user was a member from before the one moment to the other, without doubt and without a break.
    ///
    /// Who is told in that very moment that he has joined may have joined after what else happened in it: simulated clocks stand still.
    pub(crate) fn surely(&self, conversation: &str, user: &str, from_us: u64, to_us: u64) -> bool {
        match parse(conversation) {
            Kind::Direct(one, other) => user == one || user == other,
            Kind::Group(group) => {
                let turns = self.turns(group, user);
                let before = turns.iter().rfind(|turn| turn.at_us < from_us);
                let mut during = turns.iter().filter(|turn| turn.at_us >= from_us && turn.at_us <= to_us);
                before.is_some_and(|turn| turn.surely) && during.all(|turn| turn.surely)
            }
            Kind::None => false,
        }
    }

    /// True when the user may have been a member at some moment between the two.
    pub(crate) fn perhaps(&self, conversation: &str, user: &str, from_us: u64, to_us: u64) -> bool {
        match parse(conversation) {
            Kind::Direct(one, other) => user == one || user == other,
            Kind::Group(EVERYONE) => true,
            Kind::Group(group) => {
                let turns = self.turns(group, user);
                let before = turns.iter().rfind(|turn| turn.at_us < from_us);
                let mut during = turns.iter().filter(|turn| turn.at_us >= from_us && turn.at_us <= to_us);
                before.is_some_and(|turn| turn.perhaps) || during.any(|turn| turn.perhaps)
            }
            Kind::None => false,
        }
    }

    fn turns(&self, group: &str, user: &str) -> &[Turn] {
        self.groups.get(group).and_then(|users| users.get(user)).map_or(&[], Vec::as_slice)
    }
}

enum Kind<'a> {
    Direct(&'a str, &'a str),
    Group(&'a str),
    None,
}

/// `d:1:2` and `g:ID`; no id has a colon.
fn parse(conversation: &str) -> Kind<'_> {
    match conversation.split_once(':') {
        Some(("d", users)) => match users.split_once(':') {
            Some((one, other)) => Kind::Direct(one, other),
            None => Kind::None,
        },
        Some(("g", group)) => Kind::Group(group),
        _ => Kind::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_question_and_answer_a_membership_is_neither_sure_nor_out_of_the_question() {
        let (group, user) = (String::from("g1"), String::from("1"));
        let entries = [
            (10, Fact::Joining { group: group.clone(), user: user.clone() }),
            (20, Fact::Joined { group: group.clone(), user: user.clone() }),
            (30, Fact::Leaving { group: group.clone(), user: user.clone() }),
            (40, Fact::Left { group, user }),
        ]
        .map(|(at_us, fact)| Entry { at_us, fact });
        let members = Members::of(&entries);
        let at = |at_us: u64| {
            (members.surely("g:g1", "1", at_us, at_us), members.perhaps("g:g1", "1", at_us, at_us))
        };
        assert_eq!(
            [5, 15, 25, 35, 45].map(at),
            [(false, false), (false, true), (true, true), (false, true), (false, false),]
        );
        assert!(members.surely("g:g1", "1", 21, 29));
        assert!(!members.surely("g:g1", "1", 20, 29), "which of the two of that moment came first?");
        assert!(!members.surely("g:g1", "1", 21, 31), "he began to leave");
        assert!(members.perhaps("g:g1", "1", 5, 15));
        assert!(!members.perhaps("g:g1", "2", 0, 99));
        assert!(members.surely("d:1:2", "2", 0, 99) && !members.perhaps("d:1:2", "3", 0, 99));
    }
}
