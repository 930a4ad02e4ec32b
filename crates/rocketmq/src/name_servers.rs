//! Asking the name servers: any of them knows everything, so the first that answers is enough.
//!
//! Only "I do not know this topic" is asked of all, because one that has just started knows nothing yet.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{
    Error,
    codes::{request, response},
    frame::{Frame, Request},
    link::Patience,
    links::Links,
    route::{BrokerAddresses, TopicRoute, parse_cluster},
};

#[derive(Debug)]
pub(crate) struct NameServers {
    addresses: Vec<Arc<str>>,
    links: Links,
    /// The one that answered last.
    first_choice: AtomicUsize,
}

impl NameServers {
    pub(crate) fn new(addresses: &[String], links: Links) -> Self {
        let addresses = addresses.iter().map(|address| Arc::from(address.as_str())).collect();
        Self { addresses, links, first_choice: AtomicUsize::new(0) }
    }

    /// The route of a topic.
    pub(crate) async fn route(&self, topic: &str) -> Result<TopicRoute, Error> {
        let question =
            Request::new(request::ROUTE).field("topic", topic).field("acceptStandardJsonOnly", true);
        let (address, answer) = self.ask(&question, topic).await?;
        TopicRoute::parse(topic, &answer.body).map_err(|what| Error::malformed(&address, what))
    }

    /// Every broker of every cluster.
    pub(crate) async fn brokers(&self) -> Result<BTreeMap<Arc<str>, BrokerAddresses>, Error> {
        let question = Request::new(request::CLUSTER).field("acceptStandardJsonOnly", true);
        let (address, answer) = self.ask(&question, "").await?;
        parse_cluster(&answer.body).map_err(|what| Error::malformed(&address, what))
    }

    async fn ask(&self, question: &Request, topic: &str) -> Result<(Arc<str>, Frame), Error> {
        let first = self.first_choice.load(Ordering::Relaxed);
        let (mut unknown, mut failed) = (false, None);
        for nth in 0..self.addresses.len() {
            let at = (first + nth) % self.addresses.len();
            let address = &self.addresses[at];
            match self.links.to(address).call(question, Patience::OneAttempt).await {
                Ok(answer) if answer.code == response::SUCCESS => {
                    self.first_choice.store(at, Ordering::Relaxed);
                    return Ok((Arc::clone(address), answer));
                }
                Ok(answer) if answer.code == response::TOPIC_NOT_EXIST => unknown = true,
                Ok(answer) => failed = Some(Error::refused(address, answer.code, &answer.remark)),
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) if !unknown => Err(error),
            _ => Err(Error::NoSuchTopic { topic: topic.to_owned() }),
        }
    }
}
