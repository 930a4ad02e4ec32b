//! The cluster of the article's story, the people in it, and what they do again and again.

use std::collections::BTreeSet;
use std::time::Duration;

use testkit::client::V1Client;
use testkit::poll;
use tokio::time::Instant;

use crate::deployment::{Deployment, Door, Taken};
use crate::person::{Dialect, Heard, Person};
use crate::say;

/// "Within seconds", on two busy cores.
pub(crate) const SECONDS: Duration = Duration::from_secs(8);
/// Two of the people are in this group, which Java nodes never see.
pub(crate) const CLUB: &str = "club";
/// The people of the story; the odd ones speak as the article's page does.
const PEOPLE: std::ops::RangeInclusive<i64> = 1..=6;
/// Nothing that was under way on loopback takes longer.
const SILENCE: Duration = Duration::from_millis(300);
/// How long one message may take while it is not yet known whether everything has healed.
const PROBE: Duration = Duration::from_millis(500);

/// Newcomers go to the emptiest node, so that two are enough; chance decides among equals.
const LOGINS_MAX: usize = 10;
/// Ids of newcomers begin here, out of the way of the people.
const FIRST_NEWCOMER: i64 = 700_000;

/// The story so far.
pub(crate) struct Story {
    /// The servers, nodes and gateways.
    pub(crate) cluster: Deployment,
    /// Whoever is logged in.
    pub(crate) people: Vec<Person>,
    said: u32,
}

impl Story {
    /// Everything is started, and everybody logs in, through both gateways.
    pub(crate) async fn begin() -> Self {
        let began = Instant::now();
        let cluster = Deployment::start().await;
        let mut people = Vec::new();
        for user in PEOPLE {
            let gateway = &cluster.gateways[usize::from(user > 3)];
            people.push(Person::enter(&cluster.servers, gateway.door, user, dialect_of(user)).await);
        }
        for through_one_gateway in people.chunks(3) {
            let nodes: BTreeSet<&str> =
                through_one_gateway.iter().map(|person: &Person| person.node.as_str()).collect();
            assert_eq!(nodes.len(), 3, "three people through one gateway sit on three nodes: {nodes:?}");
        }
        say::healed("servers, nodes, gateways and people are there", began.elapsed());
        Self { cluster, people, said: 0 }
    }

    /// Everybody writes to everybody else: one message on `SINGLE` where the two sit on different nodes, none where they share one,
    /// and never one on `GROUP`.
    pub(crate) async fn everybody_reaches_everybody(&mut self) {
        let before = self.cluster.servers.taken().await;
        let mut across = 0;
        for from in 0..self.people.len() {
            for to in (0..self.people.len()).filter(|to| *to != from) {
                let text = self.words();
                let (sender, recipient) = (self.people[from].user, self.people[to].user);
                self.people[from].write_to(recipient, &text).await;
                assert_eq!(self.people[to].hears().await, Heard::direct(sender, &text));
                across += u64::from(self.people[from].node != self.people[to].node);
            }
        }
        self.nobody_hears_more().await;
        let after = self.cluster.servers.taken().await;
        assert_eq!(after, Taken { single: before.single + across, group: before.group });
        assert!(across > 0);
    }

    /// A text that was never written before.
    pub(crate) fn words(&mut self) -> String {
        self.said += 1;
        format!("你好 {}", self.said)
    }

    pub(crate) fn doors(&self) -> Vec<Door> {
        self.cluster.gateways.iter().map(|gateway| gateway.door).collect()
    }

    pub(crate) fn someone(&self, dialect: Dialect) -> usize {
        self.people.iter().position(|person| person.dialect() == dialect).unwrap()
    }

    pub(crate) fn someone_on(&self, node: &str) -> usize {
        self.people.iter().position(|person| person.node == node).unwrap()
    }

    /// Two who speak so, on different nodes; where chance has put all of them on one, somebody logs in anew.
    pub(crate) async fn two_apart(&mut self, dialect: Dialect) -> (usize, usize) {
        for _ in 0..LOGINS_MAX {
            let one = self.someone(dialect);
            let node = &self.people[one].node;
            let apart = |person: &Person| person.dialect() == dialect && person.node != *node;
            if let Some(other) = self.people.iter().position(apart) {
                return (one, other);
            }
            let person = self.people.remove(one);
            let user = person.user;
            person.leave().await;
            let door = self.cluster.gateways[0].door;
            self.people.push(Person::enter(&self.cluster.servers, door, user, dialect).await);
        }
        panic!("{LOGINS_MAX} logins in a row came to one node of three");
    }

    pub(crate) fn person(&mut self, user: i64) -> &mut Person {
        self.people.iter_mut().find(|person| person.user == user).unwrap()
    }

    pub(crate) fn take_those_on(&mut self, node: &str) -> Vec<Person> {
        self.people.extract_if(.., |person| person.node == node).collect()
    }

    /// One whose session has ended logs in again, at the first try; returns who it is.
    pub(crate) async fn comes_back(&mut self, person: Person, door: Door) -> i64 {
        let (user, dialect) = (person.user, person.dialect());
        drop(person);
        self.people.push(Person::enter(&self.cluster.servers, door, user, dialect).await);
        user
    }

    /// Everybody whose session has ended meanwhile logs in again.
    pub(crate) async fn lost_people_come_back(&mut self, door: Door) {
        let mut lost = Vec::new();
        for mut person in std::mem::take(&mut self.people) {
            match person.next(SILENCE).await {
                Err(testkit::client::Ended::TimedOut) => self.people.push(person),
                Err(_) => lost.push(person),
                Ok(heard) => panic!("{} hears {heard:?}", person.user),
            }
        }
        assert!(!lost.is_empty(), "somebody was there");
        for person in lost {
            self.comes_back(person, door).await;
        }
    }

    /// One member writes to the club, and the other hears it.
    pub(crate) async fn club_hears(&mut self, one: usize, other: usize) {
        let text = self.words();
        self.people[one].write_to_group(CLUB, &text).await;
        let from = self.people[one].user;
        assert_eq!(self.people[other].hears().await, Heard::in_group(CLUB, from, &text));
    }

    pub(crate) async fn club_is_reachable_again(&mut self, one: usize, other: usize) {
        let end = Instant::now() + SECONDS;
        loop {
            let text = self.words();
            self.people[one].write_to_group(CLUB, &text).await;
            let wanted = Heard::in_group(CLUB, self.people[one].user, &text);
            if self.people[other].hears_before(PROBE, &wanted).await {
                break;
            }
            assert!(Instant::now() < end, "the club's members do not hear each other");
        }
    }

    /// Everybody writes to the next one until that one hears it.
    pub(crate) async fn everybody_is_reachable_again(&mut self) {
        let end = Instant::now() + SECONDS;
        for to in 0..self.people.len() {
            let from = (to + 1) % self.people.len();
            loop {
                let text = self.words();
                let recipient = self.people[to].user;
                self.people[from].write_to(recipient, &text).await;
                let wanted = Heard::direct(self.people[from].user, &text);
                if self.people[to].hears_before(PROBE, &wanted).await {
                    break;
                }
                assert!(Instant::now() < end, "{recipient} is not reachable again");
            }
        }
    }

    /// What was written while things were broken may arrive late.
    pub(crate) async fn late_arrivals_pass(&mut self) {
        for person in &mut self.people {
            while person.next(PROBE).await.is_ok() {}
        }
    }

    pub(crate) async fn nobody_hears_more(&mut self) {
        for person in &mut self.people {
            person.hears_nothing(SILENCE).await;
        }
    }

    /// Newcomers are sent to a node that has just come back, by every gateway; they stay, so that the others do not remain the emptier ones.
    pub(crate) async fn newcomers_find(&self, node: &str) {
        let began = Instant::now();
        for door in self.doors() {
            let mut newcomers = Vec::new();
            poll::until(&format!("{node} gets newcomers"), SECONDS, async || {
                let user = FIRST_NEWCOMER + i64::try_from(newcomers.len()).unwrap();
                let client = V1Client::connect(&door.url(user)).await;
                let found = client.welcome["node"].clone();
                newcomers.push(client);
                if found == node { Ok(()) } else { Err(found) }
            })
            .await;
        }
        within(SECONDS, "a node is there again: newcomers are sent to it", began);
    }
}

/// Asserts that something healed in time, and says in what time.
pub(crate) fn within(limit: Duration, what: &str, since: Instant) {
    let took = since.elapsed();
    say::healed(what, took);
    assert!(took <= limit, "{what}: {took:?} is longer than {limit:?}");
}

pub(crate) fn dialect_of(user: i64) -> Dialect {
    if user % 2 == 0 { Dialect::V1 } else { Dialect::Classic }
}
