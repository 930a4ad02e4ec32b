//! Asking instances, one after the other, until one answers.

use std::sync::Arc;

use bytes::Bytes;
use edge::Answer;
use http::{Response, StatusCode};
use ports::Chance;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use super::TunnelLimits;
use super::dial::{DialError, Dialled, Question, dial};
use crate::balance::{Choice, Pool};
use crate::config::NO_INSTANCE_RETRY;
use crate::events::{Event, Events};

/// A node that said 101.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Its 101.
    pub(crate) response: Response<Bytes>,
    /// Its socket.
    pub(crate) stream: TcpStream,
    /// What it sent right behind the 101.
    pub(crate) first: Bytes,
    /// Which one it is; counts as its connection.
    pub(crate) choice: Choice,
}

/// How a handshake ends.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// With a tunnel.
    Opened(Box<Opened>),
    /// With what a node answered.
    Answered(Response<Bytes>),
    /// With an answer of our own.
    Refused(Answer),
}

/// Asks up to `tries_max` instances of `pool`. Who cannot be reached, hangs up, or answers 502 to 504 leaves it to the next; the last of
/// such answers goes to the client where none does better.
pub(crate) async fn open(
    route: &str,
    pool: &Arc<Pool>,
    mut question: Question,
    limits: &TunnelLimits,
    tasks: &TaskTracker,
    events: &Events,
    chance: &Chance,
) -> Outcome {
    question.connect_timeout = limits.connect_timeout;
    let deadline = Instant::now() + limits.handshake_timeout;
    let mut tried = Vec::new();
    let mut answer = None;
    while tried.len() < limits.tries_max {
        let Some(choice) = pool.choose(&tried) else { break };
        tried.push(choice.address().clone());
        let dialled = match timeout_at(deadline, dial(&question, choice.address(), tasks)).await {
            Ok(dialled) => dialled,
            Err(_) => Err(DialError::Late),
        };
        let failed = |why: &DialError| {
            events.record(Event::InstanceFailed {
                route,
                instance: choice.address(),
                why,
                left_out: choice.failed(),
            });
        };
        match dialled {
            Ok(Dialled::Open { response, stream, first }) => {
                choice.succeeded();
                return Outcome::Opened(Box::new(Opened { response, stream, first, choice }));
            }
            Ok(Dialled::Answered(response)) if !leaves_it_to_others(response.status()) => {
                choice.succeeded();
                return Outcome::Answered(response);
            }
            Ok(Dialled::Answered(response)) => {
                failed(&DialError::Invalid(words(response.status())));
                answer = Some(response);
            }
            Err(error) => {
                failed(&error);
                if !error.goes_on() {
                    return Outcome::Refused(refusal(&error));
                }
            }
        }
    }
    match answer {
        Some(response) => Outcome::Answered(response),
        None => Outcome::Refused(nobody(!tried.is_empty(), chance)),
    }
}

fn leaves_it_to_others(status: StatusCode) -> bool {
    [StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT].contains(&status)
}

fn words(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_GATEWAY => "it answered 502",
        StatusCode::GATEWAY_TIMEOUT => "it answered 504",
        _ => "it answered 503",
    }
}

fn refusal(error: &DialError) -> Answer {
    let (retry, _) = NO_INSTANCE_RETRY;
    match error {
        DialError::Late => Answer::unavailable("the node did not answer in time", retry)
            .with_status(StatusCode::GATEWAY_TIMEOUT),
        _ => Answer::unavailable("the node's answer is no WebSocket handshake", retry)
            .with_status(StatusCode::BAD_GATEWAY),
    }
}

/// Nobody is there, or nobody who is there can be reached.
fn nobody(was_tried: bool, chance: &Chance) -> Answer {
    let (shortest, longest) = NO_INSTANCE_RETRY;
    let retry = chance.between(shortest, longest);
    match was_tried {
        true => Answer::unavailable("no node could be reached", retry).with_status(StatusCode::BAD_GATEWAY),
        false => Answer::unavailable("no node is there", retry),
    }
}
