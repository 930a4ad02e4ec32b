//! Who may come in: the handshake, from the request to the 101 or to the answer that says why not.
//!
//! With the identity known at the handshake the claim precedes the 101, so whoever sees a 101 can be written to.
//! A browser cannot see a status: where its token is refused, it is let in and told by `bye` and Close 4501.

mod ask;
pub mod auth;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use edge::{Answer, Asker, Client, Peer, Policy, Tasks, upgrade, upgraded};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use ports::directory::Slot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wire::error_code::Refusal;
use wire::id::UserId;
use wire::{CloseCode, ErrorCode};

use self::ask::Ask;
use self::auth::{Auth, Identity};
use crate::arrive::Arriving;
use crate::config::Config;
use crate::events::{Event as Told, Events};
use crate::health::Health;
use crate::hub::Hub;
use crate::requests::Desk;
use crate::session::event::Event;
use crate::session::machine::Profile;
use crate::session::{Roads, Session, SessionTask};
use crate::trial::Trial;
use crate::turn::in_turns;
use ports::Ambient;

/// When a client that was turned away for lack of room should come back: with jitter, so that they do not all come at once.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// Lets clients in.
pub struct Admission {
    /// What the node is told.
    pub config: Arc<Config>,
    /// Time and chance.
    pub ambient: Ambient,
    /// Who is here.
    pub hub: Arc<Hub>,
    /// Logging in.
    pub arriving: Arc<Arriving>,
    /// What sessions ask for.
    pub desk: Arc<Desk>,
    /// Where sessions hand their work.
    pub roads: Roads,
    /// Rules about `Host` and `Origin`.
    pub policy: Policy,
    /// Sessions per address.
    pub quota: edge::AddressQuota,
    /// Sessions on this node.
    pub places: edge::Places,
    /// How the node is.
    pub health: Arc<Health>,
    /// The voice.
    pub events: Events,
    /// Who owns the sessions' tasks.
    pub tasks: Tasks,
    /// True once nobody is let in any more.
    pub closed: Arc<AtomicBool>,
    /// The end of the node: sessions that still owe a token are in no hub, and are ended by it.
    pub stop: CancellationToken,
    /// False where nothing is kept.
    pub keeps: bool,
    /// What a simulation does to the node.
    pub trial: Trial,
}

/// The places that a session takes up until it has ended.
struct Held {
    _address: Option<edge::AddressPlace>,
    _place: edge::Place,
}

/// A client that may come in.
struct Admitted {
    session: Arc<Session>,
    protocol: Option<&'static str>,
    held: Held,
    /// Already claimed; else a token is owed, or the client is only to be told why not.
    claimed: bool,
    refused: Option<CloseCode>,
}

impl Admission {
    /// Answers one request to the WebSocket listener.
    pub async fn answer(
        self: Arc<Self>,
        mut request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        // A page elsewhere must not even learn that there is a node. Where somebody proves who he is, balancers may ask by any name.
        if self.policy.development
            && let Err(answer) = self.policy.check_host(request.headers())
        {
            return Ok(self.refuse(answer));
        }
        if let Some(response) = self.health.answer(request.uri().path()) {
            return Ok(response);
        }
        let on_upgrade = hyper::upgrade::on(&mut request);
        let upgrade = match self.upgrade(&request) {
            Ok(upgrade) => upgrade,
            Err(answer) => return Ok(self.refuse(answer)),
        };
        let admitted = match self.admit(&request, &upgrade).await {
            Ok(admitted) => admitted,
            Err(answer) => return Ok(self.refuse(answer)),
        };
        let response = upgrade.response(admitted.protocol);
        self.tasks.spawn(self.clone().run(admitted, on_upgrade));
        Ok(response)
    }

    fn upgrade(&self, request: &Request<Incoming>) -> Result<edge::Upgrade, Answer> {
        edge::path::below(request.uri().path(), &self.config.path)
            .ok_or_else(|| Answer::not_found(format!("sessions are opened below {}/", self.config.path)))?;
        upgrade::check(request)
    }

    async fn admit(
        self: &Arc<Self>,
        request: &Request<Incoming>,
        upgrade: &edge::Upgrade,
    ) -> Result<Admitted, Answer> {
        let peer = request.extensions().get::<Peer>().copied();
        let peer = peer.ok_or_else(|| Answer::new(Refusal::new(ErrorCode::Internal, "no peer")))?;
        let client = Client::of(peer.remote.ip(), request.headers(), &self.config.trusted_proxies);
        let asker = self.policy.check(request, peer.remote.ip(), &client)?;
        let ask = Ask::parse(request, upgrade, &self.config)?;
        if self.closed.load(Ordering::Relaxed) {
            return Err(self.draining());
        }
        let held = self.hold(&client)?;
        let browser = matches!(asker, Asker::Browser { .. }) || ask.token_in_protocol;
        let (identity, refused) = match self.identify(request, &ask, &peer) {
            Ok(identity) => (identity, None),
            Err(refusal) if browser => (None, Some((CloseCode::BadToken, refusal))),
            Err(refusal) => return Err(Answer::new(refusal)),
        };
        let session = self.session(&ask);
        let claimed = identity.is_some();
        if let Some(identity) = identity {
            let expires = self.arriving.expiry(identity.expires_ms).map(|(at, _)| at);
            // Whoever asked may be gone by now, a gateway that has turned to another node say; the system's word for it comes first.
            tokio::task::yield_now().await;
            // Dropped with the request if the client goes away: the session is then taken out again.
            let guard = ClaimGuard { arriving: &self.arriving, session: &session, armed: true };
            self.arriving.claim(&session, expires).await.map_err(|refusal| self.unavailable(refusal))?;
            guard.disarm();
        }
        if let Some((_, refusal)) = &refused {
            self.events.tell(Told::HandshakeRefused { status: 401, reason: &refusal.reason });
        }
        let refused = refused.map(|(code, _)| code);
        Ok(Admitted { session, protocol: ask.answer, held, claimed, refused })
    }

    /// Who asks, if that is known by now: `Ok(None)` when a token is owed.
    fn identify(
        &self,
        request: &Request<Incoming>,
        ask: &Ask,
        peer: &Peer,
    ) -> Result<Option<Identity>, Refusal> {
        match &self.config.auth {
            Auth::Path => Ok(Some(Identity { user: ask.user.clone(), expires_ms: None })),
            Auth::Header(name) => {
                if !self.config.trusted_proxies.contains(peer.remote.ip()) {
                    return Err(Refusal::new(
                        ErrorCode::Unauthorized,
                        "only the gateway in front may come in",
                    ));
                }
                let mut values = request.headers().get_all(name).iter();
                let user =
                    values.next().and_then(|value| value.to_str().ok()).filter(|_| values.next().is_none());
                let user = user.and_then(|user| user.parse::<UserId>().ok());
                let user = user.ok_or_else(|| {
                    Refusal::new(ErrorCode::Unauthorized, format!("no user in the header {name}"))
                })?;
                same_user(Identity { user, expires_ms: None }, ask)
            }
            Auth::Tokens(verifier) => match &ask.token {
                Some(token) => {
                    let identity = verifier.verify(token, self.ambient.clock.unix_ms());
                    let identity =
                        identity.map_err(|error| Refusal::new(ErrorCode::Unauthorized, error.to_string()))?;
                    same_user(identity, ask)
                }
                None if ask.may_say_hello() => Ok(None),
                None => Err(Refusal::new(ErrorCode::Unauthorized, "a token is needed")),
            },
        }
    }

    fn session(&self, ask: &Ask) -> Arc<Session> {
        let id = self.ambient.session_id();
        let profile = Profile {
            user: ask.user.clone(),
            dialect: ask.dialect,
            limits: self.config.limits.clone(),
            keeps: self.keeps,
            resume: ask.resume,
            classic_errors: self.config.classic.errors,
            classic_note: self.config.classic.note.clone(),
            sabotaged: self.trial.sabotaged,
        };
        let slot = Slot::of(self.config.devices, &ask.device, id);
        // Compared with the times of messages, which other nodes may have given.
        let arrived_ms = self.arriving.shared_ms();
        Session::new(id, ask.device.clone(), slot, arrived_ms, profile, self.roads.clone(), Instant::now())
    }

    fn hold(&self, client: &Client) -> Result<Held, Answer> {
        let place = self.places.take().ok_or_else(|| {
            Answer::unavailable("this node is full", self.ambient.chance.between(RETRY_MIN, RETRY_MAX))
        })?;
        let address = match client.counted {
            true => Some(self.quota.take(client.address).ok_or_else(|| {
                let retry = self.ambient.chance.between(RETRY_MIN, RETRY_MAX);
                Answer::too_many("too many sessions from this address", retry)
            })?),
            false => None,
        };
        Ok(Held { _address: address, _place: place })
    }

    /// Runs a session from its 101 to its end.
    async fn run(self: Arc<Self>, admitted: Admitted, on_upgrade: hyper::upgrade::OnUpgrade) {
        let Admitted { session, held, claimed, refused, .. } = admitted;
        let began = Instant::now();
        let socket = match upgraded(on_upgrade).await {
            Ok(socket) => socket,
            Err(error) => {
                tracing::debug!(%error, "a client was gone before its 101");
                return self.arriving.left(&session);
            }
        };
        session.watch(began);
        let (socket, first) = socket;
        if let Some(code) = refused {
            session.apply(Event::Evict(code), Instant::now());
        }
        let desk = self.desk.clone();
        let mut session_task = SessionTask::new(&session, &*desk, socket);
        let mut task = std::pin::pin!(session_task.run(&first));
        // Boxed, and gone once it is done: a session does not carry the room for it through its life.
        let mut greeting = claimed.then(|| Box::pin(self.arriving.greet(&session)));
        let mut leaving = Some(Box::pin(self.stop.cancelled()));
        // Greeted while its first frames are read: what it asks for early is worked off like everything else.
        let living = async {
            loop {
                tokio::select! {
                    biased;
                    ended = &mut task => break ended,
                    () = done(&mut greeting) => greeting = None,
                    () = done(&mut leaving) => {
                        leaving = None;
                        session.apply(Event::Evict(CloseCode::Draining), Instant::now());
                    }
                }
            }
        };
        let (code, by_client) = in_turns(&self.roads.delivery, living).await;
        session.unwatch();
        self.arriving.left(&session);
        drop(held);
        let (user, lived) = (&session.user, began.elapsed());
        self.events.tell(Told::SessionClosed { user, session: session.id, code, by_client, lived });
    }

    fn refuse(&self, answer: Answer) -> Response<Full<Bytes>> {
        let (status, reason) = (answer.status().as_u16(), &answer.refusal().reason);
        self.events.tell(Told::HandshakeRefused { status, reason });
        answer.into_response()
    }

    fn unavailable(&self, refusal: Refusal) -> Answer {
        let retry = self.ambient.chance.between(RETRY_MIN, RETRY_MAX);
        Answer::new(Refusal { retry: Some(retry), ..refusal }).with_status(StatusCode::SERVICE_UNAVAILABLE)
    }

    fn draining(&self) -> Answer {
        let retry = self.ambient.chance.between(RETRY_MIN, RETRY_MAX);
        Answer::new(Refusal::retry_after(ErrorCode::Draining, "this node is leaving", retry))
    }
}

fn same_user(identity: Identity, ask: &Ask) -> Result<Option<Identity>, Refusal> {
    if identity.user == ask.user {
        return Ok(Some(identity));
    }
    Err(Refusal::new(ErrorCode::Forbidden, "the path names another user"))
}

/// Waits for something that may be over; then for ever.
async fn done(work: &mut Option<Pin<Box<impl Future<Output = ()>>>>) {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

/// Takes a session out again when its request is dropped in the middle of the claim.
struct ClaimGuard<'a> {
    arriving: &'a Arriving,
    session: &'a Arc<Session>,
    armed: bool,
}

impl ClaimGuard<'_> {
    fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for ClaimGuard<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.arriving.left(self.session);
        }
    }
}

impl std::fmt::Debug for Admission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admission").field("config", &self.config).finish_non_exhaustive()
    }
}
