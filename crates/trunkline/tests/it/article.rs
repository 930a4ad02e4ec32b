//! The article's system on real servers, as one story: people talk, and then one thing after the other breaks and heals.
//!
//! Three nodes on the Java service's own file, two gateways with the article's route, Nacos, Redis, RocketMQ, nothing kept.
//! Each healing is asserted, and the test says within how many seconds it happened.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use testkit::client::V1Client;
use testkit::poll;
use tokio::time::{Instant, sleep};

use crate::deployment::{LEASE, Taken, listed};
use crate::knocking::Knocking;
use crate::person::{Dialect, Heard, Person};
use crate::say;
use crate::story::{CLUB, SECONDS, Story, dialect_of, within};

/// The bus tries for 8 s before it says that a message was not taken.
const BUS_GIVES_UP: Duration = Duration::from_secs(10);
/// How long the issue wants Nacos to be away.
const NACOS_AWAY: Duration = Duration::from_secs(60);
/// Between two conversations while Nacos is away.
const TALK_EVERY: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_articles_cluster_talks_and_heals_by_itself() {
    let mut story = Story::begin().await;
    story.everybody_reaches_everybody().await;
    story.groups_are_heard().await;
    story.a_node_is_killed().await;
    story.redis_forgets_everything().await;
    story.the_broker_restarts().await;
    story.nacos_is_away().await;
    story.everybody_leaves().await;
}

impl Story {
    async fn groups_are_heard(&mut self) {
        let before = self.cluster.servers.taken().await;
        let text = self.words();
        let writer = self.someone(Dialect::Classic);
        self.people[writer].write_to_group("7", &text).await;
        let from = self.people[writer].user;
        for person in &mut self.people {
            assert_eq!(person.hears().await, Heard::in_group("7", from, &text));
        }

        let text = self.words();
        let writer = self.someone(Dialect::V1);
        self.people[writer].write_to_group("everyone", &text).await;
        let from = self.people[writer].user;
        for person in self.people.iter_mut().filter(|person| person.user != from) {
            // The number that stands for everyone where a group must be one.
            let group = if person.dialect() == Dialect::V1 { "everyone" } else { "0" };
            assert_eq!(person.hears().await, Heard::in_group(group, from, &text));
        }

        let (one, other) = self.two_apart(Dialect::V1).await;
        for member in [one, other] {
            self.people[member].join(CLUB).await;
        }
        self.club_hears(one, other).await;
        self.nobody_hears_more().await;
        let after = self.cluster.servers.taken().await;
        assert_eq!(after, Taken { single: before.single, group: before.group + 2 });
    }

    async fn a_node_is_killed(&mut self) {
        let dead = self.people[0].node.clone();
        let alive = self.cluster.nodes.iter().find(|node| node.name != dead).unwrap().name.clone();
        let stays_away = self.people[0].user;
        assert!(self.cluster.node(&alive).is_online(stays_away).await);
        self.cluster.node(&dead).instance.kill_9().await;
        let killed = Instant::now();
        let knocking = Knocking::start(&self.doors());

        let mut away = self.take_those_on(&dead);
        for person in &mut away {
            person.is_lost().await;
        }
        for person in away.drain(1..) {
            let user = self.comes_back(person, self.cluster.gateways[0].door).await;
            let writer = self.someone_on(&alive);
            let text = self.words();
            self.people[writer].write_to(user, &text).await;
            let from = self.people[writer].user;
            assert_eq!(self.person(user).hears().await, Heard::direct(from, &text));
        }
        within(SECONDS, "a node killed: its people are back and reachable", killed);

        let node = self.cluster.node(&alive);
        poll::until("nobody is online on the dead node", LEASE + SECONDS, async || {
            if node.is_online(stays_away).await { Err("online") } else { Ok(()) }
        })
        .await;
        within(LEASE + SECONDS, "a node killed: who was there is offline", killed);
        assert!(!node.live_nodes().await.contains(&dead));
        poll::until("the dead node's keys are gone", LEASE + SECONDS, async || {
            self.cluster.servers.classic_key(stays_away).await.map_or(Ok(()), Err)
        })
        .await;
        let writer = self.someone(Dialect::V1);
        let to = json!({ "user": stays_away.to_string() });
        let answer = self.people[writer].answer_to(&to, "are you there?").await;
        assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!("offline")), "{answer}");
        self.everybody_reaches_everybody().await;

        self.cluster.node(&dead).instance.restart().await;
        self.newcomers_find(&dead).await;
        let knocked = knocking.stop().await;
        say::line(&format!(
            "meanwhile {} newcomers came, none in vain, the slowest in {:?}",
            knocked.admitted, knocked.slowest
        ));
        let back = Person::enter(
            &self.cluster.servers,
            self.cluster.gateways[0].door,
            stays_away,
            dialect_of(stays_away),
        );
        let back = back.await;
        self.people.push(back);
        self.everybody_reaches_everybody().await;
    }

    async fn redis_forgets_everything(&mut self) {
        let (one, other) = self.two_apart(Dialect::V1).await;
        for member in [one, other] {
            self.people[member].join(CLUB).await;
        }
        self.cluster.servers.redis.flush_all().await;
        let forgotten = Instant::now();
        self.everybody_is_reachable_again().await;
        within(SECONDS, "FLUSHALL: everybody reaches everybody", forgotten);
        self.club_is_reachable_again(one, other).await;
        within(SECONDS, "FLUSHALL: a group's members hear each other", forgotten);
        for person in &self.people {
            poll::until("the Java original's key is back", SECONDS, async || {
                match self.cluster.servers.classic_key(person.user).await {
                    Some(node) if node == person.node => Ok(()),
                    other => Err(format!("{other:?} for {}, who is on {}", person.user, person.node)),
                }
            })
            .await;
        }
        within(SECONDS, "FLUSHALL: the Java original's keys are back", forgotten);
        self.late_arrivals_pass().await;
        self.everybody_reaches_everybody().await;
    }

    async fn the_broker_restarts(&mut self) {
        self.cluster.servers.rocketmq.broker.stop().await;
        let (one, other) = self.two_apart(Dialect::V1).await;
        let asked = Instant::now();
        let to = json!({ "user": self.people[other].user.to_string() });
        let answer = self.people[one].answer_to(&to, "while the broker is away").await;
        assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!("unavailable")), "{answer}");
        assert!(answer["retry_ms"].is_u64(), "{answer}");
        within(BUS_GIVES_UP, "broker away: a sender is told so", asked);
        self.neighbours_need_no_broker().await;

        self.cluster.servers.rocketmq.broker.restart().await;
        let back = Instant::now();
        self.everybody_is_reachable_again().await;
        within(SECONDS, "broker back: everybody reaches everybody", back);
        self.late_arrivals_pass().await;
        self.everybody_reaches_everybody().await;
    }

    async fn neighbours_need_no_broker(&mut self) {
        let neighbours = |one: &Person, other: &Person| one.user != other.user && one.node == other.node;
        let mut pairs =
            (0..self.people.len()).flat_map(|one| (0..self.people.len()).map(move |other| (one, other)));
        let (one, other) = pairs
            .find(|(one, other)| {
                let (one, other) = (&self.people[*one], &self.people[*other]);
                one.dialect() == Dialect::V1 && neighbours(one, other)
            })
            .unwrap();
        let (text, from) = (self.words(), self.people[one].user);
        let to = json!({ "user": self.people[other].user.to_string() });
        let answer = self.people[one].answer_to(&to, &text).await;
        assert_eq!((&answer["type"], &answer["reach"]), (&json!("sent"), &json!("delivered")), "{answer}");
        assert_eq!(self.people[other].hears().await, Heard::direct(from, &text));
    }

    async fn nacos_is_away(&mut self) {
        self.cluster.servers.nacos.kill_9().await;
        let gone = Instant::now();
        let knocking = Knocking::start(&[self.cluster.gateways[0].door]);
        self.everybody_reaches_everybody().await;

        let restarting = Instant::now();
        self.a_gateway_starts_without_nacos().await;
        within(SECONDS, "Nacos away: a gateway starts from its saved list", restarting);
        let restarting = Instant::now();
        self.a_node_starts_without_nacos().await;
        within(SECONDS * 2, "Nacos away: a node is killed, starts, and is found", restarting);
        let also_here = Knocking::start(&[self.cluster.gateways[1].door]);

        while gone.elapsed() < NACOS_AWAY {
            self.everybody_reaches_everybody().await;
            sleep(TALK_EVERY.min(NACOS_AWAY.saturating_sub(gone.elapsed()))).await;
        }
        self.cluster.servers.nacos.restart().await;
        let back = Instant::now();
        listed(&self.cluster.servers, &self.cluster.ports()).await;
        within(SECONDS * 2, "Nacos back after 60 s: it lists every node", back);
        self.everybody_reaches_everybody().await;
        let admitted = knocking.stop().await.admitted + also_here.stop().await.admitted;
        say::line(&format!("meanwhile {admitted} newcomers came, none in vain"));
    }

    async fn a_gateway_starts_without_nacos(&mut self) {
        let gateway = &self.cluster.gateways[1];
        gateway.instance.kill_9().await;
        gateway.instance.restart().await;
        let door = gateway.door;
        let mut probe = Vec::new();
        for (nth, _) in self.cluster.nodes.iter().enumerate() {
            probe.push(V1Client::connect(&door.url(800_000 + nth as i64)).await);
        }
        let found: BTreeSet<String> = probe.iter().map(|client| client.welcome["node"].to_string()).collect();
        assert_eq!(found.len(), self.cluster.nodes.len(), "the saved list holds every node");
        self.lost_people_come_back(door).await;
    }

    async fn a_node_starts_without_nacos(&mut self) {
        let name = self.people[0].node.clone();
        self.cluster.node(&name).instance.kill_9().await;
        self.cluster.node(&name).instance.restart().await;
        self.lost_people_come_back(self.cluster.gateways[0].door).await;
        self.newcomers_find(&name).await;
        self.everybody_reaches_everybody().await;
    }

    async fn everybody_leaves(self) {
        let users: Vec<i64> = self.people.iter().map(|person| person.user).collect();
        for person in self.people {
            person.leave().await;
        }
        for user in users {
            poll::until("the Java original's key is gone", SECONDS, async || {
                self.cluster.servers.classic_key(user).await.map_or(Ok(()), Err)
            })
            .await;
        }
    }
}
