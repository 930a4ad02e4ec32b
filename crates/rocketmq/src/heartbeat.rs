//! Telling brokers that this client lives, and what it reads.
//!
//! Brokers close connections that are silent for 120 s, and their tools list the groups they are told of.
//! Nothing else depends on it: a pull brings its own subscription.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use tracing::debug;

use crate::{
    Tags,
    codes::{request, response},
    frame::Request,
    limits::UNREGISTER_TIMEOUT,
    link::{Link, Patience},
    links::Links,
    tags,
};

#[derive(Debug)]
pub(crate) struct Heartbeat {
    client_id: String,
    producer_group: String,
    groups: Mutex<Groups>,
    changed: Notify,
}

/// What each consumer group reads; a subscription is listed once for each follower that has it.
type Groups = BTreeMap<String, Vec<(Arc<str>, Tags)>>;

impl Heartbeat {
    pub(crate) fn new(client_id: String, producer_group: String) -> Self {
        Self { client_id, producer_group, groups: Mutex::default(), changed: Notify::new() }
    }

    /// From now on the group is said to read this topic.
    pub(crate) fn add(&self, group: &str, topic: &Arc<str>, tags: &Tags) {
        self.groups().entry(group.to_owned()).or_default().push((Arc::clone(topic), tags.clone()));
        self.changed.notify_one();
    }

    /// Takes a subscription back; true when it was the last of its group.
    pub(crate) fn remove(&self, group: &str, topic: &Arc<str>, tags: &Tags) -> bool {
        let mut groups = self.groups();
        let Some(subscriptions) = groups.get_mut(group) else { return false };
        let at = subscriptions.iter().position(|(has, wants)| has == topic && wants == tags);
        at.map(|at| subscriptions.swap_remove(at));
        let last = subscriptions.is_empty();
        if last {
            groups.remove(group);
        }
        last
    }

    /// Beats regularly, and when there is something new; never ends.
    pub(crate) async fn keep_beating(&self, every: Duration, brokers: &Links) {
        let mut regularly = interval(every);
        regularly.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = regularly.tick() => {}
                () = brokers.one_came_up() => {}
                () = self.changed.notified() => {}
            }
            let beat = Request::new(request::HEARTBEAT).body(self.body().to_string());
            for_each(brokers.up(), |link| {
                let beat = beat.clone();
                async move {
                    match link.call(&beat, Patience::OneAttempt).await {
                        Ok(answer) if answer.code == response::SUCCESS => {}
                        Ok(answer) => {
                            debug!(address = link.address(), code = answer.code, "heartbeat refused");
                        }
                        Err(error) => debug!(address = link.address(), %error, "heartbeat failed"),
                    }
                }
            })
            .await;
        }
    }

    /// Tells connected brokers that a consumer group, or this whole producer, is gone; a courtesy only.
    pub(crate) async fn unregister(&self, consumer_group: Option<&str>, brokers: &Links) {
        let farewell = Request::new(request::UNREGISTER).field("clientID", &self.client_id);
        let farewell = match consumer_group {
            Some(group) => farewell.field("consumerGroup", group),
            None => farewell.field("producerGroup", &self.producer_group),
        };
        for_each(brokers.up(), |link| {
            let farewell = farewell.clone();
            async move {
                if let Err(error) =
                    link.call_within(&farewell, Patience::OneAttempt, UNREGISTER_TIMEOUT).await
                {
                    debug!(address = link.address(), %error, "the broker was not told of our end");
                }
            }
        })
        .await;
    }

    fn body(&self) -> Value {
        let groups = self.groups();
        let consumers: Vec<Value> = groups
            .iter()
            .map(|(group, subscriptions)| {
                let subscriptions: Vec<Value> = subscriptions.iter().map(subscription).collect();
                json!({
                    "groupName": group,
                    "consumeType": "CONSUME_ACTIVELY",
                    "messageModel": "CLUSTERING",
                    "consumeFromWhere": "CONSUME_FROM_LAST_OFFSET",
                    "subscriptionDataSet": subscriptions,
                    "unitMode": false,
                })
            })
            .collect();
        json!({
            "clientID": self.client_id,
            "producerDataSet": [{ "groupName": self.producer_group }],
            "consumerDataSet": consumers,
        })
    }

    fn groups(&self) -> MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn subscription((topic, tags): &(Arc<str>, Tags)) -> Value {
    let names = tags.names();
    let hashes: Vec<i32> = names.iter().map(|tag| tags::hash(tag)).collect();
    json!({
        "topic": &**topic,
        "subString": tags.to_string(),
        "tagsSet": names,
        "codeSet": hashes,
        "subVersion": 0,
        "expressionType": "TAG",
        "classFilterMode": false,
    })
}

/// All at once: one broker that hangs must not make the others wait.
async fn for_each<F>(links: Vec<Arc<Link>>, act: impl Fn(Arc<Link>) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let acts: JoinSet<()> = links.into_iter().map(act).collect();
    acts.join_all().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_with_two_topics_is_one_group_and_ends_with_its_last_follower() {
        let heartbeat = Heartbeat::new("me".to_owned(), "p".to_owned());
        let (one, two): (Arc<str>, Arc<str>) = ("ONE".into(), "TWO".into());
        let tags = Tags::only("Aa").expect("fine");
        heartbeat.add("g", &one, &Tags::every());
        heartbeat.add("g", &two, &tags);
        let body = heartbeat.body();
        assert_eq!(body["consumerDataSet"].as_array().expect("list").len(), 1);
        let subscriptions = &body["consumerDataSet"][0]["subscriptionDataSet"];
        assert_eq!(subscriptions[0]["subString"], "*");
        assert_eq!(subscriptions[1]["tagsSet"], json!(["Aa"]));
        assert_eq!(subscriptions[1]["codeSet"], json!([2112]));
        assert!(!heartbeat.remove("g", &one, &Tags::every()));
        assert!(heartbeat.remove("g", &two, &tags));
        assert_eq!(heartbeat.body()["consumerDataSet"], json!([]));
    }
}
