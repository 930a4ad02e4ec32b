//! The listener for clients: from a request to its answer.
//!
//! In this order: `Host`, a page where no WebSocket is asked for, the route, the handshake as such, the share of the client's address,
//! and then the node. A request that fails at one of them never gets further.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use edge::{AddressPlace, AddressQuota, Answer, Client, Peer, Policy, Upgrade, upgrade, upgraded};
use http::uri::PathAndQuery;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use ports::Chance;
use wire::error_code::{ErrorCode, Refusal};

use crate::balance::Pools;
use crate::config::QUOTA_RETRY;
use crate::drain::Tasks;
use crate::events::{Ended, Event, Events};
use crate::health::Health;
use crate::page::{Page, Pages};
use crate::route::{RequestPath, Route, Routes};
use crate::tunnel::{self, Forwarding, Opened, Outcome, Relay, TunnelLimits, client_answer};

/// Everything that an answer needs.
pub(crate) struct Front {
    pub(crate) routes: Routes,
    pub(crate) pools: Arc<Pools>,
    pub(crate) policy: Policy,
    pub(crate) forwarding: Forwarding,
    pub(crate) quota: AddressQuota,
    pub(crate) pages: Option<Pages>,
    pub(crate) health: Arc<Health>,
    pub(crate) limits: TunnelLimits,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) events: Events,
    pub(crate) chance: Chance,
}

impl Front {
    /// Answers one request.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let response = match self.decide(request).await {
            Ok(response) => response,
            Err(answer) => {
                let (status, reason) = (answer.status().as_u16(), answer.refusal().reason.as_str());
                self.events.record(Event::Refused { status, reason });
                answer.into_response()
            }
        };
        Ok(response)
    }

    async fn decide(self: &Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Answer> {
        self.policy.check_host(request.headers())?;
        if let Some(page) = self.page(&request) {
            return Ok(page.into_response());
        }
        let path = RequestPath::of(request.uri().path());
        if path.has_dot_segment() {
            return Err(Answer::bad_request("a path must not hold `.` or `..` as a segment"));
        }
        match self.routes.find(&path) {
            Some(route) => self.tunnel(route, request).await,
            None => {
                let health = self.health.answer(request.method(), request.uri().path());
                health.ok_or_else(|| Answer::not_found("no route takes this path"))
            }
        }
    }

    fn page(&self, request: &Request<Incoming>) -> Option<Page> {
        let is_read = request.method() == Method::GET || request.method() == Method::HEAD;
        let pages = self.pages.as_ref().filter(|_| is_read && !upgrade::is_asked_for(request))?;
        pages(request.uri().path())
    }

    async fn tunnel(
        self: &Arc<Self>,
        route: &Route,
        mut request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Answer> {
        let asked = upgrade::check(&request)?;
        let peer = *request.extensions().get::<Peer>().ok_or_else(|| internal("the peer is not known"))?;
        let place = self.place(&request, peer)?;
        let question = self.question(route, &request, peer, &asked)?;
        let pool = self.pools.get(&route.target).ok_or_else(|| internal("the route has no instances"))?;
        let (limits, tasks) = (&self.limits, &self.tasks.sockets);
        // On the heap: the handshake is by far the largest part of what a request needs.
        let outcome =
            Box::pin(tunnel::open(&route.id, pool, &question, limits, tasks, &self.events, &self.chance))
                .await;
        match outcome {
            Outcome::Refused(answer) => Err(answer),
            Outcome::Answered(response) => {
                self.events.record(Event::Answered { route: &route.id, status: response.status().as_u16() });
                Ok(client_answer(response))
            }
            Outcome::Opened(opened) => {
                let on_upgrade = hyper::upgrade::on(&mut request);
                Ok(self.connect(route.id.clone(), *opened, on_upgrade, place))
            }
        }
    }

    /// The client's share, where its address is counted.
    fn place(&self, request: &Request<Incoming>, peer: Peer) -> Result<Option<AddressPlace>, Answer> {
        let client = Client::of(peer.remote.ip(), request.headers(), &self.forwarding.trusted_proxies);
        if !client.counted {
            return Ok(None);
        }
        let place = self.quota.take(client.address);
        place.map(Some).ok_or_else(|| Answer::too_many("too many connections from this address", QUOTA_RETRY))
    }

    fn question(
        &self,
        route: &Route,
        request: &Request<Incoming>,
        peer: Peer,
        asked: &Upgrade,
    ) -> Result<tunnel::Question, Answer> {
        let path = route.path(request.uri().path());
        let is_path = path.starts_with('/') && !path.contains(['?', '#']);
        let whole = match request.uri().query() {
            Some(query) => format!("{path}?{query}"),
            None => path,
        };
        let path = PathAndQuery::try_from(whole).ok().filter(|_| is_path);
        let path =
            path.ok_or_else(|| internal(format!("route `{}` makes no proper path of this one", route.id)))?;
        let headers = self.forwarding.to_node(request.headers(), peer, asked);
        Ok(tunnel::Question { headers, path, connect_timeout: self.limits.connect_timeout })
    }

    /// Answers 101, and carries from then on.
    fn connect(
        self: &Arc<Self>,
        route: String,
        opened: Opened,
        on_upgrade: OnUpgrade,
        place: Option<AddressPlace>,
    ) -> Response<Full<Bytes>> {
        let Opened { response, stream, first, choice } = opened;
        let front = Arc::clone(self);
        self.tasks.tunnels.spawn(async move {
            front.events.record(Event::Opened { route: &route, instance: choice.address() });
            let carried = async {
                match upgraded(on_upgrade).await {
                    Ok(client) => Relay::new(client, (stream, first)).run(&front.limits).await,
                    Err(_) => Ended::Abandoned,
                }
            };
            let how = front.tasks.cut.run_until_cancelled(carried).await.unwrap_or(Ended::Cut);
            front.events.record(Event::Closed { route: &route, instance: choice.address(), how });
            drop((place, choice));
        });
        client_answer(response)
    }
}

fn internal(reason: impl Into<String>) -> Answer {
    Answer::new(Refusal::new(ErrorCode::Internal, reason)).with_status(StatusCode::INTERNAL_SERVER_ERROR)
}
