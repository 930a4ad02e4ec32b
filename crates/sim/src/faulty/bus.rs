//! The bus under the weather: envelopes that are lost, come twice, come late, and inboxes that hear nothing.

use std::sync::Arc;

use async_trait::async_trait;
use ports::bus::{Inbox, Mail, Posting};
use ports::{Bus, PortError, Seam, SeamState};
use tokio::time::Instant;
use wire::id::Boot;

use super::Faulty;
use crate::weather::{Carriage, Weather};

/// An inbox under the weather.
struct FaultyInbox {
    inner: Box<dyn Inbox>,
    node: usize,
    weather: Weather,
    deaf_since: Option<Instant>,
}

impl<T: Bus> Faulty<T> {
    async fn carry(&self, posting: Posting) -> Result<(), PortError> {
        let inner = self.inner.clone();
        match self.weather.carriage() {
            Carriage::Arrives => post_one(&*inner, posting).await,
            Carriage::Lost => Ok(()),
            Carriage::Denied => {
                post_one(&*inner, posting).await?;
                Err(PortError::outage(Seam::Bus, "post an envelope", "the confirmation was lost"))
            }
            Carriage::Twice(after) => {
                let again = posting.clone();
                self.weather.run(late(inner.clone(), again, after));
                post_one(&*inner, posting).await
            }
            Carriage::Late(after) => {
                self.weather.run(late(inner, posting, after));
                Ok(())
            }
        }
    }
}

#[async_trait]
impl<T: Bus> Bus for Faulty<T> {
    async fn post(&self, postings: Vec<Posting>) -> Vec<Result<(), PortError>> {
        self.weather.count(Seam::Bus, "post an envelope", postings.len());
        self.weather.way().await;
        let mut posted = Vec::with_capacity(postings.len());
        for posting in postings {
            posted.push(match self.weather.is_mute(self.node) {
                true => Err(PortError::outage(Seam::Bus, "post an envelope", "the bus does not answer")),
                false => self.carry(posting).await,
            });
        }
        posted
    }

    async fn open_inbox(&self, boot: &Boot) -> Result<Box<dyn Inbox>, PortError> {
        self.weather.count(Seam::Bus, "open an inbox", 1);
        self.weather.way().await;
        if self.weather.is_deaf(self.node) {
            return Err(PortError::outage(Seam::Bus, "open an inbox", "the bus does not answer"));
        }
        let inner = self.inner.open_inbox(boot).await?;
        let (node, weather) = (self.node, self.weather.clone());
        Ok(Box::new(FaultyInbox { inner, node, weather, deaf_since: None }))
    }

    fn state(&self) -> SeamState {
        self.inner.state()
    }
}

#[async_trait]
impl Inbox for FaultyInbox {
    async fn next(&mut self) -> Option<Mail> {
        loop {
            let changed = self.weather.changed();
            if self.weather.is_deaf(self.node) {
                self.deaf_since.get_or_insert_with(Instant::now);
            } else if let Some(since) = self.deaf_since.take() {
                return Some(Mail::WasDeaf(since.elapsed()));
            }
            tokio::select! {
                biased;
                mail = self.inner.next() => {
                    if self.deaf_since.is_none() || mail.is_none() {
                        return mail;
                    }
                    // It was not heard.
                }
                () = changed => {}
            }
        }
    }
}

async fn late<T: Bus>(inner: Arc<T>, posting: Posting, after: std::time::Duration) {
    tokio::time::sleep(after).await;
    // Nobody waits for its answer any more.
    let _unheard = post_one(&*inner, posting).await;
}

async fn post_one<T: Bus>(inner: &T, posting: Posting) -> Result<(), PortError> {
    let posted = inner.post(vec![posting]).await.pop();
    posted.unwrap_or_else(|| Err(PortError::outage(Seam::Bus, "post an envelope", "no answer")))
}
