//! Asking instances, one after the other, until one answers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use edge::{Answer, Socket, Tasks};
use http::{Response, StatusCode};
use ports::Chance;
use tokio::time::{Instant, timeout_at};

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
    pub(crate) stream: Socket,
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

/// Asks up to `tries_max` instances of `pool`. Who cannot be reached, hangs up, stays silent for its share of the time, or answers 502 to
/// 504 leaves it to the next; the last of such answers goes to the client where none does better.
pub(crate) async fn open(
    route: &str,
    pool: &Arc<Pool>,
    question: &Question,
    limits: &TunnelLimits,
    tasks: &Tasks,
    events: &Events,
    chance: &Chance,
) -> Outcome {
    let mut time = Time::new(limits);
    let mut tried = Vec::new();
    let mut last = None;
    while tried.len() < limits.tries_max {
        let Some(mut choice) = pool.choose(&tried) else { break };
        tried.push(choice.address().clone());
        let dialled = match timeout_at(time.next_deadline(), dial(question, choice.address(), tasks)).await {
            Ok(dialled) => dialled,
            Err(_) => Err(DialError::Late),
        };
        let (failure, outcome) = match dialled {
            Ok(Dialled::Open { response, stream, first }) => {
                choice.succeeded();
                return Outcome::Opened(Box::new(Opened { response, stream, first, choice }));
            }
            Ok(Dialled::Answered(response)) if !leaves_it_to_others(response.status()) => {
                choice.succeeded();
                return Outcome::Answered(response);
            }
            Ok(Dialled::Answered(response)) => {
                (DialError::Busy(response.status().as_u16()), Outcome::Answered(response))
            }
            Err(error) => {
                let refusal = refusal(&error, chance);
                (error, Outcome::Refused(refusal))
            }
        };
        let left_out = choice.failed();
        events.record(Event::InstanceFailed { route, instance: choice.address(), why: &failure, left_out });
        if !failure.goes_on() {
            return outcome;
        }
        // What a node said tells more than that another could not be reached.
        if !matches!((&last, &outcome), (Some(Outcome::Answered(_)), Outcome::Refused(_))) {
            last = Some(outcome);
        }
    }
    last.unwrap_or_else(|| Outcome::Refused(Answer::unavailable("no node is there", retry(chance))))
}

/// The time for a handshake, shared out among the tries: an instance that hangs must not use up what the next one needs.
struct Time {
    end: Instant,
    tries_left: u32,
}

impl Time {
    fn new(limits: &TunnelLimits) -> Time {
        let tries_left = u32::try_from(limits.tries_max).unwrap_or(u32::MAX).max(1);
        Time { end: Instant::now() + limits.handshake_timeout, tries_left }
    }

    fn next_deadline(&mut self) -> Instant {
        let now = Instant::now();
        let share = self.end.saturating_duration_since(now) / self.tries_left;
        self.tries_left = self.tries_left.saturating_sub(1).max(1);
        now + share
    }
}

fn leaves_it_to_others(status: StatusCode) -> bool {
    [StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT].contains(&status)
}

fn refusal(error: &DialError, chance: &Chance) -> Answer {
    let (status, reason) = match error {
        DialError::Late => (StatusCode::GATEWAY_TIMEOUT, "no node answered in time"),
        DialError::Invalid(_) | DialError::Lost(_) => {
            (StatusCode::BAD_GATEWAY, "the node's answer is no WebSocket handshake")
        }
        _ => (StatusCode::BAD_GATEWAY, "no node could be reached"),
    };
    Answer::unavailable(reason, retry(chance)).with_status(status)
}

fn retry(chance: &Chance) -> Duration {
    let (shortest, longest) = NO_INSTANCE_RETRY;
    chance.between(shortest, longest)
}
