//! Where the queues of a topic are, as a name server tells it.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;

use crate::{Queue, limits::ROUTE_QUEUES_MAX};

/// The queues of a topic that can be written and read, and the brokers that hold them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicRoute {
    /// Queues that take messages, sorted by broker and number: the same list in every process that asks.
    pub writable: Vec<Queue>,
    /// Queues that give messages, sorted likewise.
    pub readable: Vec<Queue>,
    pub(crate) brokers: BTreeMap<Arc<str>, BrokerAddresses>,
}

/// The addresses under one broker's name: its master's and its replicas'.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct BrokerAddresses {
    by_id: BTreeMap<u64, Arc<str>>,
    /// Where the master was when it was last seen.
    master_before: Option<Arc<str>>,
}

const MASTER: u64 = 0;
const PERM_WRITE: u32 = 2;
const PERM_READ: u32 = 4;

impl BrokerAddresses {
    /// Where messages are written; while the master is away, where it was.
    pub(crate) fn to_write(&self) -> Option<&Arc<str>> {
        self.by_id.get(&MASTER).or(self.master_before.as_ref())
    }

    /// The master, or while it is away a replica: offsets are the same.
    pub(crate) fn to_read(&self) -> Option<&Arc<str>> {
        self.by_id.values().next().or(self.master_before.as_ref())
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<str>> {
        self.by_id.values().chain(&self.master_before)
    }

    /// A master that is away leaves the list; it will most likely come back where it was.
    pub(crate) fn remember_master_of(&mut self, before: &Self) {
        self.master_before = before.to_write().cloned();
    }
}

impl TopicRoute {
    pub(crate) fn parse(topic: &str, body: &[u8]) -> Result<Self, String> {
        let body: RouteBody = serde_json::from_slice(&quote_numeric_keys(body))
            .map_err(|error| format!("a route that is not JSON: {error}"))?;
        let brokers = addresses(body.broker_datas);
        let topic: Arc<str> = Arc::from(topic);
        let (mut writable, mut readable) = (Vec::new(), Vec::new());
        for data in body.queue_datas {
            let Some((broker, known)) = brokers.get_key_value(data.broker_name.as_str()) else { continue };
            let may = |perm: u32| data.perm & perm != 0;
            let writes =
                if may(PERM_WRITE) && known.to_write().is_some() { data.write_queue_nums } else { 0 };
            let reads = if may(PERM_READ) && known.to_read().is_some() { data.read_queue_nums } else { 0 };
            if writable.len().max(readable.len()) + writes.max(reads) as usize > ROUTE_QUEUES_MAX {
                return Err(format!("a route of more than {ROUTE_QUEUES_MAX} queues"));
            }
            let queue = |id| Queue { topic: Arc::clone(&topic), broker: Arc::clone(broker), id };
            writable.extend((0..writes).map(queue));
            readable.extend((0..reads).map(queue));
        }
        writable.sort();
        readable.sort();
        Ok(Self { writable, readable, brokers })
    }
}

/// The brokers of all clusters that a name server knows, by name.
pub(crate) fn parse_cluster(body: &[u8]) -> Result<BTreeMap<Arc<str>, BrokerAddresses>, String> {
    let body: ClusterBody = serde_json::from_slice(&quote_numeric_keys(body))
        .map_err(|error| format!("a cluster list that is not JSON: {error}"))?;
    Ok(addresses(body.broker_addr_table.into_values().collect()))
}

fn addresses(datas: Vec<BrokerData>) -> BTreeMap<Arc<str>, BrokerAddresses> {
    datas
        .into_iter()
        .map(|data| {
            let addresses = data.broker_addrs.into_iter();
            let addresses = addresses.filter_map(|(id, at)| Some((id.parse().ok()?, Arc::from(at))));
            let addresses = BrokerAddresses { by_id: addresses.collect(), master_before: None };
            (Arc::from(data.broker_name), addresses)
        })
        .collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RouteBody {
    queue_datas: Vec<QueueData>,
    broker_datas: Vec<BrokerData>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueueData {
    broker_name: String,
    read_queue_nums: u32,
    write_queue_nums: u32,
    perm: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BrokerData {
    broker_name: String,
    #[serde(default)]
    broker_addrs: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClusterBody {
    broker_addr_table: BTreeMap<String, BrokerData>,
}

/// Name servers before 4.9.4, and every version in some answers, write maps as `{0:"a"}`: their keys get quotes here.
fn quote_numeric_keys(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 16);
    let (mut in_text, mut escaped) = (false, false);
    let mut rest = body;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        out.push(byte);
        if in_text {
            in_text = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        in_text = byte == b'"';
        if byte == b'{' || byte == b',' {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits > 0 && rest.get(digits) == Some(&b':') {
                out.push(b'"');
                out.extend_from_slice(&rest[..digits]);
                out.push(b'"');
                rest = &rest[digits..];
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn route(body: &str) -> TopicRoute {
        TopicRoute::parse("T", body.as_bytes()).expect("a route")
    }

    fn names(queues: &[Queue]) -> Vec<String> {
        queues.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn queues_of_several_brokers_are_sorted_whatever_order_they_came_in() {
        let route = route(
            r#"{"brokerDatas":[{"brokerAddrs":{"0":"h:2"},"brokerName":"b","cluster":"c"},
                               {"brokerAddrs":{"0":"h:1"},"brokerName":"a","cluster":"c"}],
                "filterServerTable":{},
                "queueDatas":[{"brokerName":"b","perm":6,"readQueueNums":1,"topicSysFlag":0,"writeQueueNums":2},
                              {"brokerName":"a","perm":6,"readQueueNums":2,"topicSysFlag":0,"writeQueueNums":1}]}"#,
        );
        assert_eq!(names(&route.writable), ["T/a/0", "T/b/0", "T/b/1"]);
        assert_eq!(names(&route.readable), ["T/a/0", "T/a/1", "T/b/0"]);
    }

    #[test]
    fn a_route_that_is_not_quite_json_is_read() {
        let route = route(
            r#"{"brokerDatas":[{"brokerAddrs":{0:"h:10911",1:"h:10921"},"brokerName":"{0:x\",1:"}],
                "queueDatas":[{"brokerName":"{0:x\",1:","perm":6,"readQueueNums":1,"writeQueueNums":1}]}"#,
        );
        let (_, broker) = route.brokers.first_key_value().expect("a broker");
        assert_eq!(broker.to_write().map(|at| &**at), Some("h:10911"));
        assert_eq!(names(&route.writable), ["T/{0:x\",1:/0"]);
    }

    #[test]
    fn a_broker_without_a_master_is_read_from_its_replica_and_not_written() {
        let route = route(
            r#"{"brokerDatas":[{"brokerAddrs":{"2":"h:3","1":"h:2"},"brokerName":"a"}],
                "queueDatas":[{"brokerName":"a","perm":6,"readQueueNums":1,"writeQueueNums":1}]}"#,
        );
        assert!(route.writable.is_empty());
        assert_eq!(names(&route.readable), ["T/a/0"]);
        assert_eq!(route.brokers["a"].to_read().map(|at| &**at), Some("h:2"));
    }

    #[test]
    fn a_master_that_is_away_is_still_written_where_it_was_and_read_from_the_replica() {
        let with_master =
            BrokerAddresses { by_id: [(0, "m".into()), (1, "r".into())].into(), master_before: None };
        let mut without = BrokerAddresses { by_id: [(1, "r".into())].into(), master_before: None };
        without.remember_master_of(&with_master);
        assert_eq!((without.to_write(), without.to_read()), (Some(&"m".into()), Some(&"r".into())));
        let mut gone = BrokerAddresses::default();
        gone.remember_master_of(&without);
        assert_eq!((gone.to_write(), gone.to_read()), (Some(&"m".into()), Some(&"m".into())));
    }

    #[test]
    fn permissions_decide_what_is_written_and_read() {
        let one = |perm| {
            route(&format!(
                r#"{{"brokerDatas":[{{"brokerAddrs":{{"0":"h:1"}},"brokerName":"a"}}],
                     "queueDatas":[{{"brokerName":"a","perm":{perm},"readQueueNums":1,"writeQueueNums":1}}]}}"#
            ))
        };
        for (perm, writable, readable) in [(6, 1, 1), (4, 0, 1), (2, 1, 0), (0, 0, 0)] {
            let route = one(perm);
            assert_eq!((route.writable.len(), route.readable.len()), (writable, readable), "perm {perm}");
        }
    }

    #[test]
    fn absurd_numbers_of_queues_are_an_error_and_not_an_allocation() {
        let body = r#"{"brokerDatas":[{"brokerAddrs":{"0":"h:1"},"brokerName":"a"}],
            "queueDatas":[{"brokerName":"a","perm":6,"readQueueNums":4000000000,"writeQueueNums":1}]}"#;
        assert!(TopicRoute::parse("T", body.as_bytes()).expect_err("too many").contains("16384"));
        assert!(TopicRoute::parse("T", b"[]").is_err());
        assert!(TopicRoute::parse("T", b"").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in "[{}0-9:,\"\\\\a]{0,60}") {
            TopicRoute::parse("T", bytes.as_bytes()).ok();
            parse_cluster(bytes.as_bytes()).ok();
        }
    }
}
