//! The groups that have members on this node: who they are, at which version, and that other nodes know of our interest.
//!
//! Changes of interest in one group are serialised, and a withdrawal names the registration that it withdraws.
//! Where nothing is kept, a group's members are the sessions that have joined it.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ports::directory::{Directory, Interest};
use ports::store::{PageQuery, Reader, Roster};
use ports::{PortError, Store};
use tokio::time::Instant;
use wire::frame::Range;
use wire::id::{Boot, ConversationId, GroupId, Seq, SessionId, UserId};

use crate::hub::Hub;
use crate::lease::View;
use crate::session::Session;
use crate::session::event::Event;

/// The groups of this node's sessions.
pub struct Groups {
    directory: Arc<dyn Directory>,
    view: Arc<View>,
    hub: Arc<Hub>,
    groups: Mutex<BTreeMap<GroupId, Arc<Group>>>,
    of_session: Mutex<HashMap<SessionId, Vec<GroupId>>>,
    registrations: AtomicU64,
    linger: Duration,
    /// Whether anybody is told: with every message broadcast to all nodes, nobody needs to be.
    registers: bool,
}

/// One group, as far as it concerns this node.
#[derive(Debug)]
pub struct Group {
    id: GroupId,
    state: Mutex<GroupState>,
    /// Held while interest is registered or withdrawn.
    interest: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct GroupState {
    members: Vec<LocalMember>,
    roster: Option<Arc<Roster>>,
    /// What the directory knows of our interest, as far as we know: of the boot that it names, perhaps an earlier one.
    registered: Option<Interest>,
    empty_since: Option<Instant>,
}

#[derive(Debug)]
struct LocalMember {
    session: Arc<Session>,
    /// What it sees lies above; `None` while the roster does not name its user.
    since: Option<Seq>,
}

/// How a delivery to a group's local members went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupDelivery {
    /// Every local session that may see it was stepped.
    Done,
    /// The roster here is older than the message: reload it first.
    Stale,
}

impl Groups {
    /// No groups yet.
    pub fn new(
        directory: Arc<dyn Directory>,
        view: Arc<View>,
        hub: Arc<Hub>,
        registers: bool,
        linger: Duration,
        first_registration: u64,
    ) -> Groups {
        Groups {
            directory,
            view,
            hub,
            groups: Mutex::default(),
            of_session: Mutex::default(),
            registrations: AtomicU64::new(first_registration),
            linger,
            registers,
        }
    }

    /// Makes a session one of the group's on this node, and waits until the directory knows of the interest.
    pub async fn enter(
        &self,
        group: &GroupId,
        session: &Arc<Session>,
        joined: bool,
    ) -> Result<(), PortError> {
        match self.take_in(group, session, joined) {
            Some(entry) => self.register(&entry).await.map(|_registered| ()),
            None => Ok(()),
        }
    }

    /// Makes a session one of the group's on this node; `None` when the session has ended.
    fn take_in(&self, group: &GroupId, session: &Arc<Session>, joined: bool) -> Option<Arc<Group>> {
        let entry = {
            // Held until the member is in: an idle group must not be taken out in between.
            let mut groups = self.groups();
            let entry = groups.entry(group.clone()).or_insert_with(|| Group::new(group)).clone();
            let mut state = entry.state();
            if !state.members.iter().any(|member| member.session.id == session.id) {
                let since = match &state.roster {
                    Some(roster) => roster.members.get(&session.user).copied(),
                    // Without a store, joining is all there is to being a member.
                    None => joined.then_some(0),
                };
                state.members.push(LocalMember { session: session.clone(), since });
                let mut of_session = self.of_session.lock().unwrap_or_else(PoisonError::into_inner);
                of_session.entry(session.id).or_default().push(group.clone());
            }
            state.empty_since = None;
            drop(state);
            entry
        };
        // Whoever found it in the hub may come here after it has left, and nobody would take it out again.
        if self.hub.find(&session.user, session.id).is_none() {
            self.exit_all(session);
            return None;
        }
        Some(entry)
    }

    /// Takes a session out of one group.
    pub fn exit(&self, group: &GroupId, session: &Arc<Session>) {
        if let Some(entry) = self.find(group) {
            entry.remove(session.id);
        }
        if let Some(groups) =
            self.of_session.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&session.id)
        {
            groups.retain(|other| other != group);
        }
    }

    /// Takes an ended session out of all its groups.
    pub fn exit_all(&self, session: &Arc<Session>) {
        let groups = self.of_session.lock().unwrap_or_else(PoisonError::into_inner).remove(&session.id);
        for group in groups.unwrap_or_default() {
            if let Some(entry) = self.find(&group) {
                entry.remove(session.id);
            }
        }
    }

    /// True when a session has entered a group here.
    pub fn has_entered(&self, group: &GroupId, session: SessionId) -> bool {
        let of_session = self.of_session.lock().unwrap_or_else(PoisonError::into_inner);
        of_session.get(&session).is_some_and(|groups| groups.contains(group))
    }

    /// Calls `each` for the local sessions of members who may see `seq`. A version that is newer than the roster here is [`GroupDelivery::Stale`].
    pub fn deliver(
        &self,
        group: &GroupId,
        version: Option<u64>,
        seq: Option<Seq>,
        mut each: impl FnMut(&Arc<Session>),
    ) -> GroupDelivery {
        let Some(entry) = self.find(group) else { return GroupDelivery::Done };
        let state = entry.state();
        if state.members.is_empty() {
            return GroupDelivery::Done;
        }
        let known = state.roster.as_ref().map(|roster| roster.version);
        if version.is_some_and(|version| known.is_none_or(|known| known < version)) {
            return GroupDelivery::Stale;
        }
        let sees = |member: &&LocalMember| match (member.since, seq) {
            (Some(since), Some(seq)) => since < seq,
            (Some(_), None) => true,
            (None, _) => false,
        };
        state.members.iter().filter(sees).for_each(|member| each(&member.session));
        GroupDelivery::Done
    }

    /// Takes in the members of a group if they are newer than what is known; ex-members' sessions leave it, new members' sessions enter it.
    pub async fn adopt(&self, roster: &Arc<Roster>) -> Result<(), PortError> {
        let group = &roster.group;
        let conversation = ConversationId::group(group);
        let (left, known) = match self.find(group) {
            Some(entry) => match entry.take_roster(roster) {
                Some(taken) => taken,
                // It was read before another that is known by now.
                None => return Ok(()),
            },
            None => (Vec::new(), Vec::new()),
        };
        let now = Instant::now();
        for session in left {
            self.exit(group, &session);
            session.apply(Event::Left(&conversation), now);
        }
        let mut entered = None;
        for (user, since) in &roster.members {
            for session in self.hub.of_user(user) {
                if known.contains(&session.id) {
                    continue;
                }
                if let Some(entry) = self.take_in(group, &session, false) {
                    let _members = entry.take_roster(roster);
                    entered = Some(entry);
                    session.apply(Event::Joined(&conversation, *since), Instant::now());
                }
            }
        }
        // Without an answer they are members here all the same, and interest is registered later.
        match entered {
            Some(entry) => self.register(&entry).await.map(|_registered| ()),
            None => Ok(()),
        }
    }

    /// As [`Groups::adopt`]; then shows the sessions of those who have joined how far the log reaches: what was said between the change
    /// and our interest was posted to other nodes only.
    pub async fn admit(
        &self,
        store: &dyn Store,
        roster: &Arc<Roster>,
        joined: &[UserId],
    ) -> Result<(), PortError> {
        self.adopt(roster).await?;
        let sessions: Vec<Arc<Session>> = joined.iter().flat_map(|user| self.hub.of_user(user)).collect();
        if sessions.is_empty() {
            return Ok(());
        }
        let conversation = ConversationId::group(&roster.group);
        let range = Range::Latest;
        let query = PageQuery { conversation, reader: Reader::All, range, items_max: 1, bytes_max: 1 };
        let pages = store.pages(std::slice::from_ref(&query)).await?;
        // A group that is gone again has no log to show.
        let head = pages.into_iter().flatten().next().map_or(0, |page| page.head);
        for session in sessions {
            session.apply(Event::Head(&query.conversation, head), Instant::now());
        }
        Ok(())
    }

    /// Reads the members of a group and takes them in, as [`Groups::admit`]; one that is gone is dissolved.
    pub async fn read_again(
        &self,
        store: &dyn Store,
        group: &GroupId,
        joined: &[UserId],
    ) -> Result<(), PortError> {
        match store.rosters(std::slice::from_ref(group)).await?.pop().flatten() {
            Some(roster) => self.admit(store, &roster, joined).await,
            None => {
                self.dissolve(group);
                Ok(())
            }
        }
    }

    /// A group is gone: its sessions leave it.
    pub fn dissolve(&self, group: &GroupId) {
        let Some(entry) = self.find(group) else { return };
        let members: Vec<Arc<Session>> = {
            let state = entry.state();
            state.members.iter().map(|member| member.session.clone()).collect()
        };
        let conversation = ConversationId::group(group);
        for session in members {
            self.exit(group, &session);
            session.apply(Event::Left(&conversation), Instant::now());
        }
        entry.state().roster = None;
    }

    /// The local sessions of a group.
    pub fn sessions(&self, group: &GroupId) -> Vec<Arc<Session>> {
        let entry = self.find(group);
        entry.map_or_else(Vec::new, |entry| {
            entry.state().members.iter().map(|member| member.session.clone()).collect()
        })
    }

    /// Tells the directory of all interest again, under the present boot.
    pub async fn register_again(&self) -> Result<(), PortError> {
        self.register_missing().await.map(|_registered| ())
    }

    /// Tells the directory of what interest it does not know of under the present boot, be it because an earlier call failed.
    /// Gives those groups: what was said there meanwhile was posted to other nodes only.
    pub async fn register_missing(&self) -> Result<Vec<GroupId>, PortError> {
        let boot = self.view.boot();
        let missing = |group: &&Arc<Group>| !group.state().members.is_empty() && !group.is_registered(&boot);
        let missing: Vec<Arc<Group>> = self.groups().values().filter(missing).cloned().collect();
        let mut registered = Vec::new();
        for group in missing {
            if self.register(&group).await? {
                registered.push(group.id.clone());
            }
        }
        Ok(registered)
    }

    /// Withdraws interest in the groups that have been empty for long enough.
    pub async fn withdraw_idle(&self, now: Instant) -> Result<(), PortError> {
        let idle: Vec<Arc<Group>> =
            self.groups().values().filter(|group| group.is_idle(now, self.linger)).cloned().collect();
        for group in idle {
            let _interest = group.interest.lock().await;
            if !group.is_idle(now, self.linger) {
                continue;
            }
            let registered = group.state().registered.clone();
            if let Some(interest) = registered {
                self.directory.drop_interest(&[interest]).await?;
                group.state().registered = None;
            }
            let mut groups = self.groups();
            if group.is_idle(now, self.linger) {
                groups.remove(&group.id);
            }
        }
        Ok(())
    }

    /// True when the directory did not know of it.
    async fn register(&self, group: &Arc<Group>) -> Result<bool, PortError> {
        if !self.registers {
            return Ok(false);
        }
        let _interest = group.interest.lock().await;
        let mut registered = false;
        // The boot may change while a call is under way: then it is registered once more, under the new one.
        loop {
            let boot = self.view.boot();
            if group.is_registered(&boot) {
                break;
            }
            let registration = self.registrations.fetch_add(1, Ordering::Relaxed);
            let interest = Interest { group: group.id.clone(), boot, registration };
            self.directory.add_interest(std::slice::from_ref(&interest)).await?;
            group.state().registered = Some(interest);
            registered = true;
        }
        // An idle group may have been taken out meanwhile.
        self.groups().entry(group.id.clone()).or_insert_with(|| group.clone());
        Ok(registered)
    }

    fn find(&self, group: &GroupId) -> Option<Arc<Group>> {
        self.groups().get(group).cloned()
    }

    fn groups(&self) -> MutexGuard<'_, BTreeMap<GroupId, Arc<Group>>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Groups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Groups").field("groups", &self.groups().len()).finish_non_exhaustive()
    }
}

impl Group {
    fn new(id: &GroupId) -> Arc<Group> {
        Arc::new(Group { id: id.clone(), state: Mutex::default(), interest: tokio::sync::Mutex::default() })
    }

    fn remove(&self, session: SessionId) {
        let mut state = self.state();
        state.members.retain(|member| member.session.id != session);
        if state.members.is_empty() {
            state.empty_since = Some(Instant::now());
        }
    }

    /// Takes the roster, and gives the sessions of ex-members, and the names of those that stay; `None` when a newer one is known.
    fn take_roster(&self, roster: &Arc<Roster>) -> Option<(Vec<Arc<Session>>, Vec<SessionId>)> {
        let mut state = self.state();
        if state.roster.as_ref().is_some_and(|known| known.version > roster.version) {
            return None;
        }
        state.roster = Some(roster.clone());
        let (mut left, mut stay) = (Vec::new(), Vec::new());
        for member in &mut state.members {
            let since = roster.members.get(&member.session.user).copied();
            // One that no roster has named yet may have joined after this one was read: it is shown nothing, and stays for the next.
            if member.since.is_some() && since.is_none() {
                left.push(member.session.clone());
            } else {
                stay.push(member.session.id);
            }
            member.since = since;
        }
        Some((left, stay))
    }

    fn is_registered(&self, boot: &Boot) -> bool {
        self.state().registered.as_ref().is_some_and(|registered| registered.boot == *boot)
    }

    fn is_idle(&self, now: Instant, linger: Duration) -> bool {
        let state = self.state();
        state.members.is_empty()
            && state.empty_since.is_some_and(|since| now.saturating_duration_since(since) >= linger)
    }

    fn state(&self) -> MutexGuard<'_, GroupState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
