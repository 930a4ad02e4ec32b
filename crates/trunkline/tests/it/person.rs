//! Somebody who talks, in either dialect, through a gateway.
//!
//! What arrives is told in the same words for both dialects, so that a story need not know who speaks which.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::client::{ClassicClient, ClassicMessage, Ended, Message, PATIENCE, V1Client};
use testkit::poll;

use crate::deployment::{Door, Servers};

/// How a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// As the article's page.
    Classic,
    /// `trunkline.v1`.
    V1,
}

/// A message that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Who sent it.
    pub(crate) from: i64,
    /// The group, or `None` where it came to this person alone.
    pub(crate) group: Option<String>,
    /// What it says.
    pub(crate) text: String,
}

/// One user with one session.
pub(crate) struct Person {
    /// The id.
    pub(crate) user: i64,
    /// The node that holds the session.
    pub(crate) node: String,
    client: Client,
}

enum Client {
    Classic(ClassicClient),
    V1(V1Client),
}

impl Heard {
    /// A message from one person to another.
    pub(crate) fn direct(from: i64, text: &str) -> Self {
        Self { from, group: None, text: text.to_owned() }
    }

    /// A message to a group.
    pub(crate) fn in_group(group: &str, from: i64, text: &str) -> Self {
        Self { from, group: Some(group.to_owned()), text: text.to_owned() }
    }
}

impl Person {
    /// Comes through this gateway, and is admitted at the first try.
    ///
    /// The Java original's key must name the node at once: a Java node may want to write to whoever saw the 101.
    pub(crate) async fn enter(servers: &Servers, door: Door, user: i64, dialect: Dialect) -> Self {
        let url = door.url(user);
        let client = match dialect {
            Dialect::Classic => Client::Classic(ClassicClient::connect(&url).await),
            Dialect::V1 => Client::V1(V1Client::connect(&url).await),
        };
        let key = servers.classic_key(user).await;
        let node = key.unwrap_or_else(|| panic!("{user} is admitted and has no key in Redis"));
        if let Client::V1(client) = &client {
            assert_eq!(client.welcome["node"], node, "the key of {user} in Redis");
            assert_eq!(client.welcome["store"], "none");
        }
        Self { user, node, client }
    }

    /// Writes to one person.
    pub(crate) async fn write_to(&mut self, user: i64, text: &str) {
        match &mut self.client {
            Client::Classic(client) => client.send_to_user(user, text).await,
            Client::V1(client) => {
                client.send_to_user(&user.to_string(), text).await;
            }
        }
    }

    /// Writes to a group; a classic group is everybody.
    pub(crate) async fn write_to_group(&mut self, group: &str, text: &str) {
        match &mut self.client {
            Client::Classic(client) => client.send_to_group(group.parse().unwrap(), text).await,
            Client::V1(client) => {
                client.send_to_group(group, text).await;
            }
        }
    }

    /// The answer to a message that this person writes now; only `trunkline.v1` gives answers.
    pub(crate) async fn answer_to(&mut self, to: &Value, text: &str) -> Value {
        self.v1().request(json!({ "type": "send", "to": to, "content": text })).await
    }

    /// Joins a group, which ends with the session.
    pub(crate) async fn join(&mut self, group: &str) {
        let answer = self.v1().request(json!({ "type": "join", "group": group })).await;
        assert_eq!(answer["type"], "members", "{answer}");
    }

    /// The next message.
    pub(crate) async fn hears(&mut self) -> Heard {
        let next = self.next(PATIENCE).await;
        next.unwrap_or_else(|ended| panic!("{} on {} hears nothing: {ended}", self.user, self.node))
    }

    /// The next message, or why there is none.
    pub(crate) async fn next(&mut self, deadline: Duration) -> Result<Heard, Ended> {
        match &mut self.client {
            Client::Classic(client) => match client.raw().next_data(deadline).await? {
                Message::Text(text) => classic(&text),
                Message::Close(_) => Err(Ended::Eof),
                other => Err(Ended::Broken(format!("{other:?}"))),
            },
            Client::V1(client) => loop {
                let frame = client.try_next(deadline).await?;
                if frame["type"] == "message" {
                    return v1(&frame);
                }
            },
        }
    }

    /// Passes over what arrives until it is this; whether it came in time.
    pub(crate) async fn hears_before(&mut self, deadline: Duration, wanted: &Heard) -> bool {
        let came = poll::try_until(deadline, async || match self.next(deadline).await {
            Ok(heard) if heard == *wanted => true,
            Ok(_) | Err(Ended::TimedOut) => false,
            Err(ended) => panic!("{} on {}: {ended}", self.user, self.node),
        });
        came.await.is_ok()
    }

    /// Waits until the session has ended, in whatever way.
    pub(crate) async fn is_lost(&mut self) {
        loop {
            match self.next(PATIENCE).await {
                Ok(_) => {}
                Err(Ended::TimedOut) => panic!("{} on {} does not notice the end", self.user, self.node),
                Err(_) => return,
            }
        }
    }

    /// Everything that was under way has come, and it is nothing.
    pub(crate) async fn hears_nothing(&mut self, time: Duration) {
        match self.next(time).await {
            Err(Ended::TimedOut) => {}
            other => panic!("{} on {} should hear nothing: {other:?}", self.user, self.node),
        }
    }

    /// The client, for what only `trunkline.v1` can do.
    pub(crate) fn v1(&mut self) -> &mut V1Client {
        match &mut self.client {
            Client::V1(client) => client,
            Client::Classic(_) => panic!("{} speaks classic", self.user),
        }
    }

    /// Leaves politely.
    pub(crate) async fn leave(self) {
        match self.client {
            Client::Classic(client) => client.close().await,
            Client::V1(client) => client.close().await,
        }
    }

    /// How this person speaks.
    pub(crate) fn dialect(&self) -> Dialect {
        match self.client {
            Client::Classic(_) => Dialect::Classic,
            Client::V1(_) => Dialect::V1,
        }
    }
}

fn classic(text: &str) -> Result<Heard, Ended> {
    let broken = |why: String| Ended::Broken(format!("{why}: {text}"));
    let message: ClassicMessage = serde_json::from_str(text).map_err(|error| broken(error.to_string()))?;
    let (Some(from), Some(to)) = (message.from_user_id, message.to_user_id) else {
        return Err(broken("no sender or no recipient".to_owned()));
    };
    let group = match message.msg_type {
        Some(10) => None,
        Some(20) => Some(to.to_string()),
        _ => return Err(broken("neither direct nor of a group".to_owned())),
    };
    Ok(Heard { from, group, text: message.content.unwrap_or_default() })
}

fn v1(frame: &Value) -> Result<Heard, Ended> {
    let broken = || Ended::Broken(frame.to_string());
    let from = frame["from"].as_str().and_then(|from| from.parse().ok()).ok_or_else(broken)?;
    let group = frame["to"]["group"].as_str().map(str::to_owned);
    if !frame["seq"].is_null() || (group.is_none() && !frame["to"]["user"].is_string()) {
        return Err(broken());
    }
    let text = frame["content"].as_str().map_or_else(|| frame["content"].to_string(), str::to_owned);
    Ok(Heard { from, group, text })
}
