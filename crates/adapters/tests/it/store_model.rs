//! The same random calls on a store in a database and on the plainest one give the same answers.

use std::sync::Arc;

use ports::memory::store::MemoryStore;
use ports::store::{Draft, PageQuery, PositionQuery, Reader, StoreError};
use ports::{Ambient, Store};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::value::RawValue;
use wire::Target;
use wire::frame::Range;
use wire::id::{ConversationId, GroupId, MessageId, UserId};

use super::{postgres, sqlite};

const USERS: &[&str] = &["1", "10", "2", "A"];
const GROUPS: &[&str] = &["a", "b", "everyone"];

/// One call. Small numbers, so that calls meet.
#[derive(Debug, Clone)]
enum Call {
    Append {
        from: UserId,
        to: Target,
        id: u8,
        listed: bool,
        content: u8,
        later_ms: u64,
        members_only: bool,
    },
    Page {
        conversation: ConversationId,
        reader: Option<UserId>,
        range: Range,
        items_max: usize,
        bytes_max: usize,
    },
    Arrive {
        users: Vec<UserId>,
        items_max: usize,
    },
    Position {
        conversation: ConversationId,
        user: Option<UserId>,
        before_ms: u64,
    },
    RecentHeads {
        users: Vec<UserId>,
        before_ms: u64,
    },
    MarkRead {
        user: UserId,
        conversation: ConversationId,
        seq: u64,
    },
    Conversations {
        user: UserId,
        items_max: usize,
        go_on: bool,
    },
    PutGroup {
        group: GroupId,
        members: Option<Vec<UserId>>,
    },
    AddMembers {
        group: GroupId,
        users: Vec<UserId>,
        create: bool,
    },
    RemoveMembers {
        group: GroupId,
        users: Vec<UserId>,
    },
    DeleteGroup {
        group: GroupId,
    },
    Rosters {
        groups: Vec<GroupId>,
    },
    GroupsOf {
        users: Vec<UserId>,
    },
}

fn user() -> impl Strategy<Value = UserId> {
    select(USERS).prop_map(|id| id.parse().unwrap())
}

fn users() -> impl Strategy<Value = Vec<UserId>> {
    vec(user(), 0..4)
}

fn group() -> impl Strategy<Value = GroupId> {
    select(GROUPS).prop_map(|id| id.parse().unwrap())
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![user().prop_map(Target::User), group().prop_map(Target::Group)]
}

fn conversation() -> impl Strategy<Value = ConversationId> {
    (user(), target()).prop_map(|(from, to)| to.conversation(&from))
}

fn range() -> impl Strategy<Value = Range> {
    prop_oneof![Just(Range::Latest), (0..12_u64).prop_map(Range::Before), (0..12_u64).prop_map(Range::After)]
}

fn call() -> impl Strategy<Value = Call> {
    let append = (
        user(),
        target(),
        0..40_u8,
        prop::bool::weighted(0.1),
        0..3_u8,
        0..20_000_u64,
        prop::bool::weighted(0.8),
    );
    prop_oneof![
        12 => append.prop_map(|(from, to, id, listed, content, later_ms, members_only)| Call::Append {
            from, to, id, listed, content, later_ms, members_only
        }),
        4 => (conversation(), prop::option::of(user()), range(), 1..6_usize, 1..40_usize).prop_map(
            |(conversation, reader, range, items_max, bytes_max)| Call::Page { conversation, reader, range, items_max, bytes_max }
        ),
        3 => (users(), 0..4_usize).prop_map(|(users, items_max)| Call::Arrive { users, items_max }),
        3 => (conversation(), prop::option::of(user()), 0..60_000_u64).prop_map(
            |(conversation, user, before_ms)| Call::Position { conversation, user, before_ms }
        ),
        2 => (users(), 0..60_000_u64).prop_map(|(users, before_ms)| Call::RecentHeads { users, before_ms }),
        5 => (user(), conversation(), 0..12_u64).prop_map(
            |(user, conversation, seq)| Call::MarkRead { user, conversation, seq }
        ),
        4 => (user(), 1..4_usize, any::<bool>()).prop_map(
            |(user, items_max, go_on)| Call::Conversations { user, items_max, go_on }
        ),
        2 => (group(), prop::option::of(users())).prop_map(|(group, members)| Call::PutGroup { group, members }),
        3 => (group(), users(), any::<bool>()).prop_map(|(group, users, create)| Call::AddMembers { group, users, create }),
        1 => (group(), users()).prop_map(|(group, users)| Call::RemoveMembers { group, users }),
        1 => group().prop_map(|group| Call::DeleteGroup { group }),
        1 => vec(group(), 0..4).prop_map(|groups| Call::Rosters { groups }),
        1 => users().prop_map(|users| Call::GroupsOf { users }),
    ]
}

/// What both stores are told beside the call, so that they are told the same.
struct Telling {
    now_ms: u64,
    calls: u128,
    /// The `next` of the last list of conversations.
    next: Option<String>,
}

/// Makes the call and returns the answer as text. What a store says of its own outages differs, that it refuses must not.
async fn answer(store: &dyn Store, call: &Call, telling: &Telling) -> (String, Option<String>) {
    let mut next = telling.next.clone();
    let text = match call.clone() {
        Call::Append { from, to, id, listed, content, members_only, .. } => {
            let draft = Draft {
                from,
                id: format!("id-{id}").parse().unwrap(),
                listed,
                to,
                content: RawValue::from_string("7".repeat(usize::from(content) * 9 + 1)).unwrap().into(),
                message_id: MessageId::mint(telling.now_ms, telling.calls),
                // Clocks of nodes differ by some seconds.
                time_ms: telling.now_ms - u64::from(id) * 100,
                members_only,
            };
            outcome(store.append(draft).await)
        }
        Call::Page { conversation, reader, range, items_max, bytes_max } => {
            let reader = reader.map_or(Reader::All, Reader::User);
            let query = PageQuery { conversation, reader, range, items_max, bytes_max };
            let other = PageQuery { reader: Reader::All, range: Range::Latest, ..query.clone() };
            format!("{:?}", store.pages(&[query, other]).await.unwrap())
        }
        Call::Arrive { users, items_max } => format!("{:?}", store.arrive(&users, items_max).await.unwrap()),
        Call::Position { conversation, user, before_ms } => {
            let arrived_ms = telling.now_ms - before_ms;
            let query = PositionQuery { conversation, user, arrived_ms };
            let other = PositionQuery { user: None, ..query.clone() };
            format!("{:?}", store.positions(&[query, other]).await.unwrap())
        }
        Call::RecentHeads { users, before_ms } => {
            let mut heads = store.recent_heads(&users, telling.now_ms - before_ms).await.unwrap();
            heads.iter_mut().for_each(|heads| heads.sort());
            format!("{heads:?}")
        }
        Call::MarkRead { user, conversation, seq } => {
            outcome(store.mark_read(&user, &conversation, seq).await)
        }
        Call::Conversations { user, items_max, go_on } => {
            let after = telling.next.as_deref().filter(|_| go_on);
            let page = store.conversations(&user, items_max, after).await;
            next = page.as_ref().ok().and_then(|page| page.next.clone());
            outcome(page)
        }
        Call::PutGroup { group, members } => match store.put_group(&group, members.as_deref()).await {
            Ok(change) => format!("{change:?}"),
            Err(_) => "refused".into(),
        },
        Call::AddMembers { group, users, create } => outcome(store.add_members(&group, &users, create).await),
        Call::RemoveMembers { group, users } => outcome(store.remove_members(&group, &users).await),
        Call::DeleteGroup { group } => outcome(store.delete_group(&group).await),
        Call::Rosters { groups } => format!("{:?}", store.rosters(&groups).await.unwrap()),
        Call::GroupsOf { users } => format!("{:?}", store.groups_of(&users).await.unwrap()),
    };
    (text, next)
}

fn outcome<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(StoreError::Denied(denied)) => format!("{denied:?}"),
        Err(StoreError::Port(error)) => panic!("{}", error.chain()),
    }
}

/// Makes the calls on a store that is opened by `open`, and opened again half-way, and on one in memory.
async fn compare(calls: Vec<Call>, open: impl AsyncFn() -> Arc<dyn Store>) -> Result<(), TestCaseError> {
    let memory: Arc<dyn Store> = Arc::new(MemoryStore::new(&Ambient::system()));
    let mut kept = open().await;
    let mut telling = Telling { now_ms: 1_000_000, calls: 0, next: None };
    let half = calls.len() / 2;
    for (number, call) in calls.iter().enumerate() {
        if number == half {
            kept.close().await;
            kept = open().await;
        }
        if let Call::Append { later_ms, .. } = call {
            telling.now_ms += later_ms;
        }
        telling.calls += 1;
        let (expected, next) = answer(&*memory, call, &telling).await;
        let (told, _) = answer(&*kept, call, &telling).await;
        prop_assert_eq!(told, expected, "call {} of {:#?}", number, calls);
        telling.next = next;
    }
    kept.close().await;
    Ok(())
}

fn run(work: impl Future<Output = Result<(), TestCaseError>>) -> Result<(), TestCaseError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn random_calls_on_sqlite_are_answered_as_the_store_in_memory_answers_them(calls in vec(call(), 1..160)) {
        let folder = testkit::scratch::folder("sqlite-model");
        let path = folder.path().join("model.db");
        run(compare(calls, async || sqlite::open(&path).await as Arc<dyn Store>))?;
    }
}

proptest! {
    // Fewer, because each has to make a database first, and what is written once was compared above.
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn random_calls_on_postgres_are_answered_as_the_store_in_memory_answers_them(calls in vec(call(), 1..160)) {
        run(async {
            let url = postgres::setup::fresh_database("model").await;
            compare(calls, async || postgres::setup::open(&url).await as Arc<dyn Store>).await
        })?;
    }
}
