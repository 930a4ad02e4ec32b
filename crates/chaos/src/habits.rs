//! What the users of a run do, and how often: who writes to whom, which groups there are, and who in them comes and goes.

use std::time::Duration;

/// How many users there are.
pub(crate) const USERS: usize = 40;
/// Messages a second of all of them together.
pub(crate) const MESSAGES_PER_SECOND: usize = 200;
/// Each user writes to those who stand so far behind in the ring, and hears from those so far before.
const PARTNERS: [usize; 3] = [1, 7, 17];
/// How many groups there are.
const GROUPS: usize = 4;
/// Members of a group who never leave it.
const GROUP_SETTLED: usize = 6;
/// Members of a group who come and go.
const GROUP_WANDERERS: usize = 2;
/// Of 1,000 messages, so many go to a group.
pub(crate) const TO_GROUP: usize = 200;

/// How often a user looks around and thinks of something to do.
pub(crate) const TICK: Duration = Duration::from_millis(50);
/// How often each of these comes to a user's mind, on average.
pub(crate) const READ_EVERY: Duration = Duration::from_secs(3);
/// Closes or drops the session, and comes back with what it holds.
pub(crate) const RECONNECT_EVERY: Duration = Duration::from_secs(20);
/// Logs in again on the same device, which ends the first session.
pub(crate) const LOG_IN_AGAIN_EVERY: Duration = Duration::from_secs(25);
/// Takes up, or puts away, another device.
pub(crate) const OTHER_DEVICE_EVERY: Duration = Duration::from_secs(15);
/// Reads nothing for a while.
pub(crate) const BE_DEAF_EVERY: Duration = Duration::from_secs(40);
/// A wanderer joins or leaves.
pub(crate) const WANDER_EVERY: Duration = Duration::from_secs(5);
/// Asks for a page of a conversation.
pub(crate) const LOOK_BACK_EVERY: Duration = Duration::from_secs(20);

/// A group and its people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// Its id.
    pub(crate) name: String,
    /// Those who are members from the beginning to the end.
    pub(crate) settled: Vec<String>,
    /// Those who come and go; nobody at first.
    pub(crate) wanderers: Vec<String>,
}

/// The id of a user.
pub(crate) fn user(nth: usize) -> String {
    format!("u{:02}", nth % USERS + 1)
}

/// The users to whom this one writes directly.
pub(crate) fn partners(nth: usize) -> Vec<String> {
    PARTNERS.iter().map(|step| user(nth + step)).collect()
}

/// All conversations of two that this user is in.
pub(crate) fn direct_conversations(nth: usize) -> Vec<String> {
    let own = user(nth);
    let both = PARTNERS.iter().flat_map(|step| [user(nth + step), user(nth + USERS - step)]);
    both.map(|other| direct(&own, &other)).collect()
}

/// The conversation of two.
pub(crate) fn direct(one: &str, other: &str) -> String {
    if one < other { format!("d:{one}:{other}") } else { format!("d:{other}:{one}") }
}

/// All groups.
pub(crate) fn groups() -> Vec<Group> {
    let group = |nth: usize| {
        let first = nth * USERS / GROUPS;
        let settled = (0..GROUP_SETTLED).map(|member| user(first + member)).collect();
        let wanderers = (GROUP_SETTLED..GROUP_SETTLED + GROUP_WANDERERS).map(|member| user(first + member));
        Group { name: format!("g{}", nth + 1), settled, wanderers: wanderers.collect() }
    };
    (0..GROUPS).map(group).collect()
}

/// Who must hold a conversation to its head in the end.
pub(crate) fn holders(conversation: &str) -> Vec<String> {
    let mut parts = conversation.split(':');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("d"), Some(one), Some(other)) => vec![one.to_owned(), other.to_owned()],
        (Some("g"), Some(name), None) => groups()
            .into_iter()
            .find(|group| group.name == name)
            .map(|group| group.settled)
            .unwrap_or_default(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_written_to_knows_the_conversation() {
        for nth in 0..USERS {
            for (step, partner) in PARTNERS.iter().zip(partners(nth)) {
                let conversation = direct(&user(nth), &partner);
                assert!(direct_conversations(nth).contains(&conversation));
                assert!(direct_conversations(nth + step).contains(&conversation));
                assert_eq!(holders(&conversation).len(), 2);
            }
        }
        assert_eq!(holders("g:g2").len(), GROUP_SETTLED);
    }
}
