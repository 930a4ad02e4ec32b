//! A user's coming to a group and going from it, each request asked until it is answered.

use std::time::Duration;

use serde_json::json;
use testkit::judge::{Fact, Facts};
use tokio::time::Instant;

/// A request without an answer is asked again after this time.
const ANSWER_PATIENCE: Duration = Duration::from_secs(6);
/// After an error that invites to try again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// Where a wanderer stands.
#[derive(Debug)]
pub(crate) struct Wandering {
    group: String,
    is_member: bool,
    /// Wants to be the other, and has not been told that it is so.
    asking: Option<Asking>,
    asked: u64,
}

#[derive(Debug)]
struct Asking {
    id: String,
    /// On which session, and since when.
    under_way: Option<(u64, Instant)>,
    due: Instant,
}

impl Wandering {
    /// Somebody who is no member yet.
    pub(crate) fn outside(group: &str) -> Self {
        Self { group: group.to_owned(), is_member: false, asking: None, asked: 0 }
    }

    /// The group's conversation.
    pub(crate) fn conversation(&self) -> String {
        format!("g:{}", self.group)
    }

    /// The group, where this user is a member and stays one.
    pub(crate) fn may_write_to(&self) -> Option<String> {
        (self.is_member && self.asking.is_none()).then(|| self.group.clone())
    }

    /// Whether a request has no answer yet.
    pub(crate) fn is_asking(&self) -> bool {
        self.asking.is_some()
    }

    /// Wants to join, or to leave.
    pub(crate) fn decide(&mut self, user: &str, facts: &Facts) {
        if self.asking.is_some() {
            return;
        }
        self.asked += 1;
        let (group, user) = (self.group.clone(), user.to_owned());
        facts.record(if self.is_member {
            Fact::Leaving { group, user }
        } else {
            Fact::Joining { group, user }
        });
        let id = format!("wander-{}", self.asked);
        self.asking = Some(Asking { id, under_way: None, due: Instant::now() });
    }

    /// What is to be sent on this session now.
    pub(crate) fn due(&mut self, key: u64) -> Option<String> {
        let asking = self.asking.as_mut()?;
        let now = Instant::now();
        let overdue = asking.under_way.is_none_or(|(_, since)| now >= since + ANSWER_PATIENCE);
        if !overdue || now < asking.due {
            return None;
        }
        asking.under_way = Some((key, now));
        let kind = if self.is_member { "leave" } else { "join" };
        Some(json!({ "type": kind, "id": asking.id, "group": self.group }).to_string())
    }

    /// `members` came.
    pub(crate) fn answered(&mut self, id: &str, user: &str, facts: &Facts) {
        if self.asking.as_ref().is_some_and(|asking| asking.id == id) {
            self.is_now_the_other(user, facts);
        }
    }

    /// `error` came. Who is told for good that leaving is not possible has left before, unheard.
    pub(crate) fn refused(&mut self, id: &str, may_retry: bool, user: &str, facts: &Facts) {
        let Some(asking) = self.asking.as_mut().filter(|asking| asking.id == id) else { return };
        if may_retry {
            asking.under_way = None;
            asking.due = Instant::now() + RETRY_PAUSE;
        } else {
            assert!(self.is_member, "{user} may not join {}", self.group);
            self.is_now_the_other(user, facts);
        }
    }

    /// A session has ended.
    pub(crate) fn lost(&mut self, key: u64) {
        if let Some(asking) = &mut self.asking
            && asking.under_way.is_some_and(|(at, _)| at == key)
        {
            asking.under_way = None;
        }
    }

    fn is_now_the_other(&mut self, user: &str, facts: &Facts) {
        self.asking = None;
        self.is_member = !self.is_member;
        let (group, user) = (self.group.clone(), user.to_owned());
        facts.record(if self.is_member { Fact::Joined { group, user } } else { Fact::Left { group, user } });
    }
}
