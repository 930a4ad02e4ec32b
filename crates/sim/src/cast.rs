//! Who takes part: users with their devices, groups and their first members, and two clients of the older dialect.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use ports::Store;
use testkit::judge::Fact;
use wire::id::{ConversationId, GroupId, UserId};

use crate::client::device::Device;
use crate::client::memory::Memory;
use crate::client::outbox::{Address, Outbox};
use crate::dice::Dice;
use crate::stage::Stage;

/// To how many others each user writes.
const FRIENDS: usize = 3;
/// Every so manieth user has a second device.
const SECOND_DEVICE_EVERY: usize = 3;

/// The devices of a run, with their users' groups made.
///
/// # Panics
/// When the store in memory refuses a group, which it does not.
pub async fn assemble(stage: &Arc<Stage>) -> Vec<Device> {
    let users = stage.plan.users;
    let mut devices = Vec::new();
    let mut groups: Vec<Vec<UserId>> = vec![Vec::new(); stage.plan.groups];
    for user in 0..users {
        let said = Arc::new(AtomicU64::new(0));
        let own: BTreeSet<String> = (0..stage.plan.groups).map(group_name).collect();
        let mut member_of = BTreeSet::new();
        for (group, members) in groups.iter_mut().enumerate() {
            if (user + group) % 2 == 0 {
                members.push(user_id(user));
                member_of.insert(group_name(group));
                stage.facts.record(Fact::Joined { group: group_name(group), user: user_name(user) });
            }
        }
        let friends = |from: usize| -> Vec<Address> {
            (from..from + FRIENDS).map(|step| direct(user, (user + step) % users)).collect()
        };
        devices.push(device(stage, user, "web", friends(1), (own, member_of), said.clone()));
        if user % SECOND_DEVICE_EVERY == 0 {
            let others = friends(1 + FRIENDS);
            devices.push(device(stage, user, "phone", others, (BTreeSet::new(), BTreeSet::new()), said));
        }
    }
    for (group, members) in groups.iter().enumerate() {
        let made = stage.seams.store.put_group(&group_id(group), Some(members)).await;
        assert!(made.is_ok(), "a group could not be made: {made:?}");
    }
    devices
}

/// The direct conversation of two users, as the first one names it.
pub fn direct(user: usize, other: usize) -> Address {
    Address {
        conversation: ConversationId::direct(&user_id(user), &user_id(other)).to_string(),
        to: format!(r#"{{"user":"{}"}}"#, user_name(other)),
    }
}

fn device(
    stage: &Arc<Stage>,
    user: usize,
    name: &str,
    friends: Vec<Address>,
    (groups, member_of): (BTreeSet<String>, BTreeSet<String>),
    said: Arc<AtomicU64>,
) -> Device {
    Device {
        stage: stage.clone(),
        user: user_name(user),
        name: name.to_owned(),
        memory: Memory::default(),
        outbox: Outbox::default(),
        dice: Dice::of(stage.plan.seed, &format!("user {user} {name}")),
        friends,
        groups,
        member_of,
        wish: None,
        said,
    }
}

fn user_name(user: usize) -> String {
    format!("u{:02}", user + 1)
}

fn group_name(group: usize) -> String {
    format!("g{}", group + 1)
}

/// # Panics
/// Never: the name is one.
fn user_id(user: usize) -> UserId {
    match user_name(user).parse() {
        Ok(id) => id,
        Err(error) => panic!("{error}"),
    }
}

/// # Panics
/// Never: the name is one.
fn group_id(group: usize) -> GroupId {
    match group_name(group).parse() {
        Ok(id) => id,
        Err(error) => panic!("{error}"),
    }
}
