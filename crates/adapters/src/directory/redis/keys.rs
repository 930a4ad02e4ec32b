//! The names of the directory's keys.

use wire::id::{Boot, GroupId, NodeName, SessionId, UserId};

/// Names keys below one prefix.
#[derive(Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Keys {
        Keys { prefix: prefix.to_owned() }
    }

    /// A hash: who holds which slot, and who was displaced.
    pub(super) fn user(&self, user: &UserId) -> String {
        format!("{}:user:{user}", self.prefix)
    }

    /// A hash: interested boot to registration.
    pub(super) fn group(&self, group: &GroupId) -> String {
        format!("{}:group:{group}", self.prefix)
    }

    /// A string that expires: the boot's lease.
    pub(super) fn lease(&self, boot: &Boot) -> String {
        format!("{}:boot:{boot}", self.prefix)
    }

    /// A set of [`user_trace`]: where the boot may have sessions.
    pub(super) fn users_of(&self, boot: &Boot) -> String {
        format!("{}:boot:{boot}:users", self.prefix)
    }

    /// A set of [`group_trace`]: where the boot may have interest.
    pub(super) fn groups_of(&self, boot: &Boot) -> String {
        format!("{}:boot:{boot}:groups", self.prefix)
    }

    /// A list: whom the boot is to evict.
    pub(super) fn evictions_of(&self, boot: &Boot) -> String {
        format!("{}:boot:{boot}:evict", self.prefix)
    }

    /// A string that expires: the boot that holds the node's name.
    pub(super) fn name(&self, node: &NodeName) -> String {
        format!("{}:name:{node}", self.prefix)
    }

    /// A set: all boots whose traces may not have been removed.
    pub(super) fn boots(&self) -> String {
        format!("{}:boots", self.prefix)
    }
}

/// A session in the list of what its boot has where: by session, so that two calls for one user on one boot never remove each other's.
pub(super) fn user_trace(session: SessionId, user: &UserId) -> String {
    format!("{session} {user}")
}

/// The reverse of [`user_trace`].
pub(super) fn parse_user_trace(trace: &str) -> Option<(SessionId, UserId)> {
    let (session, user) = trace.split_once(' ')?;
    Some((session.parse().ok()?, user.parse().ok()?))
}

/// A registration in the list of what its boot has where: by number, for the same reason.
pub(super) fn group_trace(registration: u64, group: &GroupId) -> String {
    format!("{registration} {group}")
}

/// The reverse of [`group_trace`], but for the number.
pub(super) fn parse_group_trace(trace: &str) -> Option<GroupId> {
    trace.split_once(' ')?.1.parse().ok()
}
