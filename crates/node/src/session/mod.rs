//! One connected client: its decisions, its send queue and its socket.
//!
//! A session is stepped in place, under its own small lock, by whoever brings an event. It never waits: what takes time is handed to the session's
//! task (requests), to the catch-up (reading the store), or to the end of the turn or the delivery task of its worker (writing).
//! No lock is held across an await, and none is taken while this one is held but those of those three queues and of the timer.

pub mod codec;
mod deadlines;
#[cfg(feature = "echo")]
pub mod echo;
pub mod event;
pub mod machine;
mod rate;
mod reads;
mod refusals;
pub mod send_queue;
mod socket;
pub mod tracks;
mod writing;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use edge::Socket;
use ports::directory::{Binding, Slot};
use tokio::sync::Notify;
use tokio::time::Instant;
use wire::CloseCode;
use wire::classic::ClassicFrame;
use wire::frame::ClientFrame;
use wire::id::{Boot, DeviceId, SessionId, UserId};
use wire::limits::Limits;
use wire::policy::Dialect;

use self::deadlines::Asked;
use self::event::{Effect, Effects, Event};
use self::machine::{Machine, Phase, Profile};
use self::reads::Reads;
use self::send_queue::SendQueue;
pub(crate) use self::socket::{Requests, SessionTask};
use self::writing::Writing;
use crate::catchup::CatchUp;
use crate::delivery::Delivery;
use crate::wheel::Wheel;

/// One live WebSocket.
#[derive(Debug)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// On which device.
    pub device: DeviceId,
    /// The slot that it holds.
    pub slot: Slot,
    /// What it speaks.
    pub dialect: Dialect,
    /// When it arrived, in milliseconds since 1970.
    pub arrived_ms: u64,
    limits: Arc<Limits>,
    core: Mutex<Core>,
    generation: OnceLock<u64>,
    socket: OnceLock<Socket>,
    wake: Notify,
    /// Told when the session has been told `welcome`, or has ended before.
    greeted: Notify,
    roads: Roads,
}

/// The queues that a session hands its work to.
#[derive(Debug, Clone)]
pub struct Roads {
    /// Writes what waits.
    pub delivery: Arc<Delivery>,
    /// Reads the store.
    pub catchup: Arc<CatchUp>,
    /// Asks again when a deadline comes.
    pub wheel: Arc<Wheel>,
}

/// A request that the session's task works off.
#[derive(Debug)]
pub(crate) enum Request {
    V1(ClientFrame),
    Classic(ClassicFrame),
}

#[derive(Debug)]
struct Core {
    machine: Machine,
    queue: SendQueue,
    writing: Writing,
    /// True when the first frame of the queue is partly written.
    begun: bool,
    /// Since when the socket takes nothing although something waits.
    stalled: Option<Instant>,
    requests: VecDeque<Request>,
    /// A request is being worked off: nothing is read meanwhile, so a pong may lie unread.
    working: bool,
    pause: Option<Duration>,
    reads: Reads,
    /// When the timer asks next; `None` before the session has its socket.
    asked: Option<Asked>,
    ending: Option<Ending>,
}

/// How a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) code: CloseCode,
    pub(crate) by_client: bool,
    /// True when the socket is broken, so that nothing can be said any more.
    pub(crate) broken: bool,
}

impl Session {
    /// A session that has no socket yet.
    pub fn new(
        id: SessionId,
        device: DeviceId,
        slot: Slot,
        arrived_ms: u64,
        profile: Profile,
        roads: Roads,
        now: Instant,
    ) -> Arc<Session> {
        Arc::new(Session {
            id,
            user: profile.user.clone(),
            device,
            slot,
            dialect: profile.dialect,
            arrived_ms,
            limits: profile.limits.clone(),
            core: Mutex::new(Core {
                machine: Machine::new(profile, now),
                queue: SendQueue::default(),
                writing: Writing::Idle,
                begun: false,
                stalled: None,
                requests: VecDeque::new(),
                working: false,
                pause: None,
                reads: Reads::new(),
                asked: None,
                ending: None,
            }),
            generation: OnceLock::new(),
            socket: OnceLock::new(),
            wake: Notify::new(),
            greeted: Notify::new(),
            roads,
        })
    }

    /// Steps the session by one event.
    pub fn apply(self: &Arc<Self>, event: Event<'_>, now: Instant) {
        let mut core = self.core();
        if self.is_read_again(&mut core, &event) {
            return;
        }
        let arriving = core.machine.phase() == Phase::Arriving;
        let effects = core.machine.step(event, now);
        self.perform(&mut core, effects, now);
        self.watch_sooner(&mut core, now);
        if arriving && core.machine.phase() != Phase::Arriving {
            self.greeted.notify_waiters();
        }
    }

    /// Returns once the session has been told `welcome`, or has ended before.
    pub(crate) async fn greeted(&self) {
        loop {
            let mut told = std::pin::pin!(self.greeted.notified());
            told.as_mut().enable();
            if self.phase() != Phase::Arriving {
                return;
            }
            told.await;
        }
    }

    /// Where the session is in its life.
    pub fn phase(&self) -> Phase {
        self.core().machine.phase()
    }

    /// The generation of its claim, once it was claimed.
    pub fn generation(&self) -> Option<u64> {
        self.generation.get().copied()
    }

    /// The claim was carried out.
    pub fn claimed(&self, generation: u64) {
        // A session claims once: what is restored keeps its generation.
        let _kept = self.generation.set(generation);
    }

    /// Its place in the directory, under the boot that the node now is.
    pub fn binding(&self, boot: Boot) -> Option<Binding> {
        Some(Binding {
            user: self.user.clone(),
            slot: self.slot.clone(),
            session: self.id,
            device: self.device.clone(),
            boot,
            generation: self.generation()?,
            since_ms: self.arrived_ms,
        })
    }

    fn perform(self: &Arc<Self>, core: &mut Core, effects: Effects, now: Instant) {
        for effect in effects {
            if core.ending.is_some() {
                // One of them was one too many: nothing follows the Close.
                break;
            }
            match effect {
                Effect::Push(frame) => self.enqueue(core, frame, now),
                Effect::Work(request) => core.requests.push_back(Request::V1(request)),
                Effect::ClassicSend(request) => core.requests.push_back(Request::Classic(request)),
                Effect::Pause(pause) => core.pause = Some(pause),
                Effect::CatchUp(conversation, after) => core.reads.push(conversation, after),
                Effect::FindPosition(conversation) => self.roads.catchup.find_position(self, conversation),
                Effect::Close { code, by_client } => {
                    core.ending = Some(Ending { code, by_client, broken: false });
                    self.wake.notify_one();
                }
            }
        }
        self.release_held(core);
        if core.writing == Writing::Idle && !core.queue.is_empty() && self.socket.get().is_some() {
            core.writing = Writing::Scheduled;
            self.roads.delivery.schedule(self);
        }
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(crate) use self::tests::session as test_session;

#[cfg(test)]
mod tests {
    use std::io;

    use edge::Tasks;
    use tokio_util::sync::CancellationToken;
    use wire::frame::Unread;

    use super::event::CaughtUp;
    use super::send_queue::Written;
    use wire::id::{ConversationId, Seq};

    use super::*;
    use crate::parcel::Parcel;
    use crate::sabotage::Sabotaged;

    /// A session of user 2 on its way, without a socket.
    pub(crate) fn session(limits: Limits, keeps: bool) -> Arc<Session> {
        let now = Instant::now();
        let profile = Profile {
            user: "2".parse().unwrap(),
            dialect: Dialect::V1,
            limits: Arc::new(limits),
            keeps,
            resume: false,
            classic_errors: false,
            classic_note: None,
            sabotaged: Sabotaged::default(),
        };
        let delivery = Delivery::start(1, &Tasks::new(), &CancellationToken::new());
        let wheel = Arc::new(Wheel::new(now));
        let roads = Roads { delivery, catchup: Arc::default(), wheel };
        let id = ports::Ambient::simulated(1, 1).session_id();
        let device = DeviceId::default();
        let slot = Slot::of(wire::policy::DevicePolicy::PerDevice, &device, id);
        let session = Session::new(id, device, slot, 1, profile, roads, now);
        session.apply(Event::Admitted { expires: None }, now);
        session
    }

    fn welcome(session: &Arc<Session>, unread: &[Unread]) {
        let welcome = bytes::Bytes::from_static(b"{}");
        session.apply(Event::Welcomed { welcome, unread }, Instant::now());
    }

    fn parcel(seq: Seq) -> Arc<Parcel> {
        Arc::new(Parcel::message(wire::Message {
            conversation: Some("d:1:2".parse().unwrap()),
            seq: Some(seq),
            message_id: wire::id::MessageId::mint(1, u128::from(seq)),
            from: Some("1".parse().unwrap()),
            to: wire::Target::User("2".parse().unwrap()),
            content: serde_json::value::RawValue::from_string("1".to_owned()).unwrap().into(),
            time_ms: 1,
            id: None,
        }))
    }

    /// What waits to be written, frame by frame: a frame's first byte says what it is.
    fn first_bytes(session: &Arc<Session>) -> Vec<u8> {
        let mut first = Vec::new();
        let written = session.core().queue.write(|slices| {
            first.push(slices[0][0]);
            Ok(slices[0].len())
        });
        assert!(matches!(written, Ok(Written::All) | Err(io::Error { .. })));
        first
    }

    #[tokio::test]
    async fn nothing_follows_the_close_of_a_session_whose_queue_overflows_in_the_middle_of_a_page() {
        let session = session(Limits { send_queue_frames_max: 8, ..Limits::default() }, true);
        let conversation: ConversationId = "d:1:2".parse().unwrap();
        welcome(&session, &[Unread { conversation: conversation.clone(), unread: 1, head: 1 }]);
        let parcels = (2..=40).map(parcel).collect();
        let page = CaughtUp { conversation, parcels, first: 1, head: 40, more: false };
        session.apply(Event::Page(&page), Instant::now());
        assert_eq!(session.phase(), Phase::Leaving);
        assert_eq!(first_bytes(&session), [0x81, 0x88], "bye and Close");
    }

    #[tokio::test]
    async fn what_waited_for_welcome_never_fills_the_send_queue() {
        let session = session(Limits { send_queue_frames_max: 8, ..Limits::default() }, false);
        for seq in 1..=40 {
            session.apply(Event::Unkept(&parcel(seq)), Instant::now());
        }
        welcome(&session, &[]);
        assert_eq!(session.phase(), Phase::Live);
        assert_eq!(first_bytes(&session).len(), 1 + 4);
    }
}
