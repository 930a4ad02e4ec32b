//! A cluster of a page, which keeps its word: every log of its passes, and none passes once a push or a row is taken out, doubled or swapped.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

const USERS: [&str; 4] = ["1", "2", "3", "4"];
const CONVERSATIONS: [&str; 3] = ["d:1:2", "d:3:4", "g:all"];

/// What happens next, a second later.
#[derive(Debug, Clone)]
enum Step {
    /// A user sends, if there; `answered` is false where the socket goes before the receipt.
    Send { user: Index, conversation: Index, answered: bool },
    /// A user sends the last message again, if there.
    Repeat { user: Index },
    /// A user goes.
    Go { user: Index },
    /// A user comes back, or logs in once more.
    Come { user: Index },
}

/// All of the cluster: logs, live sessions, and what each client has.
struct Model {
    facts: Facts,
    at_us: u64,
    logs: BTreeMap<&'static str, Vec<Payload>>,
    live: BTreeMap<&'static str, String>,
    have: BTreeMap<(&'static str, &'static str), BTreeSet<u64>>,
    sent: BTreeMap<&'static str, (&'static str, Payload, u32)>,
    logins: u32,
}

fn members(conversation: &str) -> Vec<&'static str> {
    let direct: Vec<&str> = conversation.split(':').skip(1).collect();
    USERS.into_iter().filter(|user| conversation == "g:all" || direct.contains(user)).collect()
}

impl Model {
    fn new() -> Model {
        let model = Model {
            facts: Facts::in_memory(),
            at_us: 0,
            logs: BTreeMap::new(),
            live: BTreeMap::new(),
            have: BTreeMap::new(),
            sent: BTreeMap::new(),
            logins: 0,
        };
        for user in USERS {
            model.record(Fact::Joined { group: "all".into(), user: user.into() });
        }
        model
    }

    fn record(&self, fact: Fact) {
        self.facts.record_at(self.at_us, fact);
    }

    fn step(&mut self, step: &Step) {
        self.at_us += 1_000_000;
        match step {
            Step::Send { user, conversation, answered } => {
                let user = USERS[user.index(USERS.len())];
                let of_user: Vec<&str> =
                    CONVERSATIONS.into_iter().filter(|of| members(of).contains(&user)).collect();
                let conversation = of_user[conversation.index(of_user.len())];
                let n = self.sent.get(user).map_or(1, |(_, last, _)| last.n + 1);
                self.send(user, conversation, Payload::new("r", user, n), 1, *answered);
            }
            Step::Repeat { user } => {
                let user = USERS[user.index(USERS.len())];
                if let Some((conversation, payload, attempt)) = self.sent.get(user).cloned() {
                    self.send(user, conversation, payload, attempt + 1, true);
                }
            }
            Step::Go { user } => self.go(USERS[user.index(USERS.len())], 1006),
            Step::Come { user } => self.come(USERS[user.index(USERS.len())]),
        }
    }

    fn send(&mut self, user: &'static str, to: &'static str, payload: Payload, attempt: u32, answered: bool) {
        let Some(session) = self.live.get(user).cloned() else { return };
        let (id, conversation) = (payload.id(), to.to_owned());
        let who = || (user.to_owned(), session.clone(), id.clone());
        let (name, session_name, id) = who();
        self.record(Fact::Try { user: name, session: session_name, id, conversation, attempt });
        self.sent.insert(user, (to, payload.clone(), attempt));
        let log = self.logs.entry(to).or_default();
        let known = log.iter().position(|kept| *kept == payload);
        let at = known.unwrap_or_else(|| {
            log.push(payload.clone());
            log.len() - 1
        });
        let seq = at as u64 + 1;
        if answered {
            let (name, session, id) = who();
            let (conversation, message_id) = (to.to_owned(), format!("m-{to}-{seq}"));
            self.record(Fact::Receipt { user: name, session, id, conversation, seq, message_id });
            self.have.entry((user, to)).or_default().insert(seq);
        }
        for other in members(to).into_iter().filter(|other| *other != user) {
            self.push(other, to, seq);
        }
        if !answered {
            let (name, session, id) = who();
            self.go(user, 1006);
            self.record(Fact::Unknown { user: name, session, id });
        }
    }

    /// Shows a message to a user who is there and has not seen it.
    fn push(&mut self, user: &'static str, conversation: &'static str, seq: u64) {
        let Some(session) = self.live.get(user).cloned() else { return };
        if !self.have.entry((user, conversation)).or_default().insert(seq) {
            return;
        }
        let payload = &self.logs[conversation][usize::try_from(seq).unwrap() - 1];
        let Seen { from, id, intact } = Payload::seen(&payload.to_json());
        let message_id = format!("m-{conversation}-{seq}");
        let (user, conversation) = (user.to_owned(), conversation.to_owned());
        self.record(Fact::Push { user, session, conversation, seq, message_id, from, id, intact });
    }

    fn go(&mut self, user: &'static str, code: u16) {
        if let Some(session) = self.live.remove(user) {
            self.record(Fact::Closed { user: user.into(), session, code });
        }
    }

    fn come(&mut self, user: &'static str) {
        self.record(Fact::Arriving { user: user.into(), device: "web".into() });
        let old = self.live.remove(user);
        self.logins += 1;
        let session = format!("s{}", self.logins);
        let node = Some("node-1".to_owned());
        let opened = Fact::Opened {
            user: user.into(),
            session: session.clone(),
            device: "web".into(),
            node,
            resumed: true,
        };
        self.record(opened);
        if let Some(session) = old {
            self.record(Fact::Closed { user: user.into(), session, code: 4500 });
        }
        self.live.insert(user, session);
        for conversation in CONVERSATIONS.into_iter().filter(|of| members(of).contains(&user)) {
            for seq in 1..=self.logs.get(conversation).map_or(0, Vec::len) as u64 {
                self.push(user, conversation, seq);
            }
        }
    }

    /// Everybody comes back, and the store is read.
    fn end(mut self) -> Vec<Entry> {
        for user in USERS {
            self.at_us += 1_000_000;
            self.come(user);
            self.record(Fact::CaughtUp { user: user.into() });
        }
        for (conversation, log) in &self.logs {
            for (payload, seq) in log.iter().zip(1..) {
                self.record(Fact::Kept {
                    conversation: (*conversation).to_owned(),
                    seq,
                    from: payload.sender.clone(),
                    id: payload.id(),
                    message_id: format!("m-{conversation}-{seq}"),
                });
            }
        }
        self.facts.entries()
    }
}

fn run(steps: &[Step]) -> Vec<Entry> {
    let mut model = Model::new();
    for user in USERS {
        model.come(user);
    }
    for step in steps {
        model.step(step);
    }
    model.end()
}

fn verdict(entries: &[Entry]) -> Verdict {
    let facts = Facts::in_memory();
    for Entry { at_us, fact } in entries {
        facts.record_at(*at_us, fact.clone());
    }
    let patience = |seconds| Patience::new(Duration::from_secs(seconds), Duration::from_secs(seconds));
    let bounds = Bounds {
        overlap: patience(1),
        answer: patience(2),
        delivery: patience(2),
        least: Least { fault_with_traffic: Duration::from_secs(1), ..Least::default() },
        ..Bounds::default()
    };
    judge(&facts, &bounds)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = any::<Index>;
    let step = prop_oneof![
        6 => (index(), index(), prop::bool::weighted(0.8))
            .prop_map(|(user, conversation, answered)| Step::Send { user, conversation, answered }),
        1 => index().prop_map(|user| Step::Repeat { user }),
        1 => index().prop_map(|user| Step::Go { user }),
        2 => index().prop_map(|user| Step::Come { user }),
    ];
    prop::collection::vec(step, 1..60)
}

/// Indices of the pushes and rows of a log. A sender's own message is left out: nobody can say whether he had to be shown it.
fn matter(entries: &[Entry]) -> Vec<usize> {
    let matters = |entry: &Entry| match &entry.fact {
        Fact::Push { user, from, .. } => user != from,
        fact => matches!(fact, Fact::Kept { .. }),
    };
    (0..entries.len()).filter(|&at| matters(&entries[at])).collect()
}

/// The conversation, and the session where it is a push, of a push or a row: only two that share them can change places.
fn stream(fact: &Fact) -> Option<(&str, Option<&str>)> {
    match fact {
        Fact::Push { conversation, session, .. } => Some((conversation, Some(session))),
        Fact::Kept { conversation, .. } => Some((conversation, None)),
        _ => None,
    }
}

/// Two pushes change places in time; two rows, whose time means nothing, in number.
fn swap(entries: &mut [Entry], one: usize, other: usize) {
    let (first, second) = (entries[one].fact.clone(), entries[other].fact.clone());
    match (first, second) {
        (Fact::Kept { seq, .. }, Fact::Kept { seq: other_seq, .. }) => {
            for (at, new) in [(one, other_seq), (other, seq)] {
                if let Fact::Kept { seq, .. } = &mut entries[at].fact {
                    *seq = new;
                }
            }
        }
        (first, second) => {
            entries[one].fact = second;
            entries[other].fact = first;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_cluster_does_that_keeps_its_word_passes(steps in steps()) {
        let verdict = verdict(&run(&steps));
        prop_assert!(verdict.is_good(), "{}", verdict);
    }

    #[test]
    fn a_push_or_a_row_that_is_missing_is_found(steps in steps(), which in any::<Index>()) {
        let mut entries = run(&steps);
        let matter = matter(&entries);
        prop_assume!(!matter.is_empty());
        let gone = entries.remove(matter[which.index(matter.len())]);
        prop_assert!(!verdict(&entries).is_good(), "{:?}", gone);
    }

    #[test]
    fn a_push_or_a_row_that_is_there_twice_is_found(steps in steps(), which in any::<Index>()) {
        let mut entries = run(&steps);
        let matter = matter(&entries);
        prop_assume!(!matter.is_empty());
        let at = matter[which.index(matter.len())];
        let twice = entries[at].clone();
        entries.insert(at, twice.clone());
        prop_assert!(!verdict(&entries).is_good(), "{:?}", twice);
    }

    #[test]
    fn two_pushes_or_rows_that_changed_places_are_found(steps in steps(), which in any::<Index>()) {
        let mut entries = run(&steps);
        let matter = matter(&entries);
        let pairs: Vec<(usize, usize)> = matter
            .iter()
            .flat_map(|&one| matter.iter().map(move |&other| (one, other)))
            .filter(|&(one, other)| one < other && stream(&entries[one].fact) == stream(&entries[other].fact))
            .collect();
        prop_assume!(!pairs.is_empty());
        let (one, other) = pairs[which.index(pairs.len())];
        swap(&mut entries, one, other);
        prop_assert!(!verdict(&entries).is_good(), "{:?} and {:?}", entries[one], entries[other]);
    }
}
