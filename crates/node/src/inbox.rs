//! An envelope's way in: from the bus to the sessions of this node.
//!
//! Nothing ends silently: an envelope is pushed, a duplicate, not for anyone here (and then sent on once), too old, or not one of ours; each is counted.

use std::sync::Arc;
use std::time::Duration;

use edge::Tasks;
use ports::Directory;
use ports::bus::{Inbox, Mail};
use wire::envelope::{Arrival, Body, Delivery, Envelope, Foreign, Lane, MembersChange};
use wire::id::{GroupId, UserId};
use wire::{Message, Target};

use crate::arrivals::{Arrivals, Arrived, Audience};
use crate::bindings::Bindings;
use crate::dispatch::{Dispatch, Outgoing, Whom};
use crate::events::{Event, Events};
use crate::groups::Groups;
use crate::hub::Hub;
use crate::lease::View;
use crate::parcel::Parcel;
use crate::sweep::{Reason, Sweep};

/// How often an envelope is sent on.
const HOPS_MAX: u8 = 1;

/// What an inbox stands on.
pub struct InboxTask {
    /// The cluster's name.
    pub service: Arc<str>,
    /// The directory, for what another system sent.
    pub directory: Arc<dyn Directory>,
    /// Who is here.
    pub hub: Arc<Hub>,
    /// The groups here.
    pub groups: Arc<Groups>,
    /// The way to the sessions here.
    pub arrivals: Arc<Arrivals>,
    /// The directory's upkeep.
    pub bindings: Arc<Bindings>,
    /// The way on to other nodes.
    pub dispatch: Arc<Dispatch>,
    /// The view of the cluster.
    pub view: Arc<View>,
    /// Catching up with the store.
    pub sweep: Arc<Sweep>,
    /// The voice.
    pub events: Events,
    /// Who owns what takes time.
    pub tasks: Tasks,
    /// How old an envelope may be.
    pub envelope_life: Duration,
    /// True where messages are kept.
    pub keeps: bool,
    /// True where another system's group messages are for the members of the group, not for everybody.
    pub classic_members: bool,
}

impl InboxTask {
    /// Takes in what comes, until another inbox has taken this one's place.
    pub async fn run(self: Arc<Self>, mut inbox: Box<dyn Inbox>) {
        while let Some(mail) = inbox.next().await {
            match mail {
                Mail::Arrived { lane, body } => match Envelope::decode(&body, &self.service) {
                    Ok(Arrival::Ours(envelope)) => self.ours(envelope),
                    Ok(Arrival::Foreign(foreign)) => self.foreign(lane, foreign).await,
                    Err(why) => self.events.tell(Event::EnvelopeRefused { why: &why }),
                },
                Mail::WasDeaf(deaf) => {
                    self.events.tell(Event::InboxWasDeaf { deaf });
                    // However short: it is told only when something may be lost.
                    self.sweep.request(Reason::InboxWasDeaf, deaf);
                }
            }
        }
    }

    fn ours(self: &Arc<Self>, envelope: Envelope) {
        // Our own broadcasts come back to us.
        if envelope.origin.node == *self.view.node() && envelope.hop == 0 {
            return;
        }
        self.events.tell(Event::EnvelopeArrived { kind: envelope.body.kind() });
        let age = self.view.now_ms().saturating_sub(envelope.at_ms);
        let expired = u128::from(age) > self.envelope_life.as_millis();
        if expired {
            self.events.tell(Event::EnvelopeExpired);
        }
        match envelope.body {
            Body::Message(delivery) => self.message(delivery, envelope.hop, expired),
            Body::Signal(delivery) if !expired => self.signal(&delivery, envelope.hop),
            Body::Signal(_) => {}
            Body::Head(head) => match head.conversation {
                Some(conversation) => self.arrivals.hint(&conversation, head.head),
                None => self.sweep.request(Reason::HeadsLost, self.envelope_life),
            },
            Body::Evict(eviction) => self.bindings.evict_here(&eviction, &self.view.boot()),
            Body::Members(change) => self.members(change),
        }
    }

    fn message(self: &Arc<Self>, delivery: Delivery, hop: u8, expired: bool) {
        let Ok(message) = delivery.message() else {
            return self.events.tell(Event::EnvelopeRefused { why: &wire::envelope::BadEnvelope::Malformed });
        };
        let placed = message.conversation.clone().zip(message.seq);
        if expired {
            if let Some((conversation, seq)) = placed {
                self.arrivals.hint(&conversation, seq);
            }
            return;
        }
        let audience = audience_of(&delivery);
        if let Audience::Users(users) = &audience {
            self.send_on(users, hop, &delivery, Body::Message);
        }
        if placed.is_some() {
            let parcel = Arc::new(Parcel::encoded(delivery.frame, message, true));
            self.arrivals.bring(Arrived { parcel, audience, except: None, unkept: false });
        } else {
            self.dispatch.show_once(message, delivery.frame, audience, None);
        }
    }

    fn signal(self: &Arc<Self>, delivery: &Delivery, hop: u8) {
        let audience = audience_of(delivery);
        if let Audience::Users(users) = &audience {
            self.send_on(users, hop, delivery, Body::Signal);
        }
        let parcel = match delivery.message() {
            // What everybody hears in a group that is not everyone's came from a classic client or another system.
            Ok(message) => {
                let classic = delivery.group.as_ref().is_some_and(GroupId::is_everyone)
                    && !matches!(&message.to, Target::Group(group) if group.is_everyone());
                Parcel::encoded(delivery.frame.clone(), message, classic)
            }
            Err(_) => Parcel::notice(delivery.frame.clone()),
        };
        self.arrivals.bring(Arrived { parcel: Arc::new(parcel), audience, except: None, unkept: true });
    }

    /// Sends an envelope after those of its users who are no longer here.
    fn send_on(self: &Arc<Self>, users: &[UserId], hop: u8, delivery: &Delivery, body: fn(Delivery) -> Body) {
        let gone: Vec<UserId> =
            users.iter().filter(|user| self.hub.of_user(user).is_empty()).cloned().collect();
        if gone.is_empty() {
            return;
        }
        let sent_on = hop < HOPS_MAX;
        self.events.tell(Event::EnvelopeMisplaced { sent_on });
        if !sent_on {
            return;
        }
        let (this, delivery) = (self.clone(), delivery.clone());
        self.tasks.spawn(async move {
            let key = delivery.message().ok().and_then(|message| message.conversation);
            let key = key.map_or_else(|| "signals".into(), |conversation| conversation.shared());
            let whom = Whom::users(gone);
            let body = body(delivery);
            this.dispatch.send_on(Outgoing { key, whom, body, answer: None, hop: hop + 1 }).await;
        });
    }

    /// Takes in a change of a group's members; whoever has joined is told at once from here on.
    fn members(self: &Arc<Self>, change: MembersChange) {
        let this = self.clone();
        self.tasks.spawn(async move { this.sweep.members_changed(&change).await });
    }

    /// A message of some other system.
    async fn foreign(self: &Arc<Self>, lane: Lane, foreign: Foreign) {
        self.events.tell(Event::EnvelopeArrived { kind: "foreign" });
        let Some(content) = foreign.content.map(Arc::from) else { return };
        let time_ms = foreign.time_ms.unwrap_or_else(|| self.view.now_ms());
        let to = foreign.to.as_deref();
        match lane {
            Lane::Single => {
                let Some(to) = to.and_then(|to| to.parse::<UserId>().ok()) else {
                    return self.events.tell(Event::ForeignUndeliverable);
                };
                let target = Target::User(to.clone());
                let message = self.dispatch.unnamed(foreign.from, target, content, time_ms);
                self.foreign_to_user(to, message).await;
            }
            Lane::Group | Lane::Control => {
                let group = to.filter(|to| *to != "0").and_then(|to| to.parse::<GroupId>().ok());
                let group = group.unwrap_or_else(GroupId::everyone);
                let audience = match self.classic_members && !group.is_everyone() {
                    true => Audience::Group(group.clone(), None),
                    false => Audience::Everyone,
                };
                let message = self.dispatch.unnamed(foreign.from, Target::Group(group), content, time_ms);
                self.show_foreign(message, audience);
            }
        }
    }

    /// This node was asked because the other system took it for the user's; the user may sit elsewhere by now, or on several nodes.
    async fn foreign_to_user(self: &Arc<Self>, to: UserId, message: Message) {
        let frame = self.foreign_frame(&message);
        let delivery = Delivery { frame, id: None, users: vec![to.clone()], group: None, version: None };
        let body = if self.keeps { Body::Signal(delivery) } else { Body::Message(delivery) };
        let (answer, told) = tokio::sync::oneshot::channel();
        let whom = Whom::users([to.clone()]);
        let key = to.as_str().into();
        let here = self.show_foreign(message, Audience::Users(vec![to]));
        self.dispatch.send_on(Outgoing { key, whom, body, answer: Some(answer), hop: HOPS_MAX }).await;
        let (events, nobody_here) = (self.events.clone(), here == 0);
        self.tasks.spawn(async move {
            let told = told.await;
            if nobody_here && !matches!(told, Ok(crate::dispatch::Told::Posted)) {
                events.tell(Event::ForeignUndeliverable);
            }
        });
    }

    fn show_foreign(&self, message: Message, audience: Audience) -> usize {
        let frame = self.foreign_frame(&message);
        let parcel = Arc::new(Parcel::encoded(frame, message, true));
        self.arrivals.bring(Arrived { parcel, audience, except: None, unkept: true })
    }

    /// With a store, what was not kept is a signal; without, it is a message like any other.
    fn foreign_frame(&self, message: &Message) -> bytes::Bytes {
        if self.keeps { message.signal_frame() } else { message.frame() }
    }
}

fn audience_of(delivery: &Delivery) -> Audience {
    match &delivery.group {
        Some(group) if group.is_everyone() => Audience::Everyone,
        Some(group) if delivery.users.is_empty() => Audience::Group(group.clone(), delivery.version),
        Some(group) => Audience::Joined(group.clone(), delivery.version, delivery.users.clone()),
        None => Audience::Users(delivery.users.clone()),
    }
}
