//! A file and its life: made with its folder, belongs to one process, keeps everything.

use std::sync::Arc;

use adapters::sql::SqliteStore;
use ports::store::{PageQuery, Reader};
use ports::{Ambient, Retry, Store};
use wire::Target;
use wire::frame::Range;
use wire::id::{GroupId, UserId};

use super::{draft, open};

#[tokio::test]
async fn a_reopened_store_remembers_everything_and_is_the_same_store() {
    let folder = testkit::scratch::folder("sqlite-reopen");
    let path = folder.path().join("not/yet/there/trunkline.db");
    let group: GroupId = "g".parse().unwrap();
    let (one, two): (UserId, UserId) = ("1".parse().unwrap(), "2".parse().unwrap());
    let users = [one.clone(), two.clone()];
    let store = open(&path).await;
    let epoch = store.epoch();
    store.put_group(&group, Some(&users)).await.unwrap();
    let said = draft("1", Target::Group(group.clone()), "first", 7);
    let first = store.append(said.clone()).await.unwrap();
    store.append(draft("1", Target::User(two.clone()), "direct", 8)).await.unwrap();
    let told = facts(&store, &users, &group).await;
    store.close().await;

    let again = open(&path).await;
    assert_eq!(again.epoch(), epoch);
    assert_eq!(facts(&again, &users, &group).await, told);
    let repeated = again.append(said).await.unwrap();
    assert_eq!((repeated.fresh, repeated.message.message_id), (false, first.message.message_id));
    let next = again.append(draft("2", Target::Group(group), "next", 9)).await.unwrap();
    assert_eq!(next.message.seq, Some(2));
    again.close().await;

    let other = open(&folder.path().join("other.db")).await;
    assert_ne!(other.epoch(), epoch, "another file is another life");
    other.close().await;
}

/// What a store tells of these users and this group.
async fn facts(store: &Arc<SqliteStore>, users: &[UserId], group: &GroupId) -> String {
    let unread = store.arrive(users, 10).await.unwrap();
    let rosters = store.rosters(std::slice::from_ref(group)).await.unwrap();
    let conversation = wire::id::ConversationId::group(group);
    let query = PageQuery {
        conversation,
        reader: Reader::All,
        range: Range::Latest,
        items_max: 10,
        bytes_max: 1_000,
    };
    let pages = store.pages(&[query]).await.unwrap();
    format!("{unread:?} {rosters:?} {pages:?}")
}

#[tokio::test]
async fn a_second_store_on_one_file_is_refused_and_told_what_to_do() {
    let folder = testkit::scratch::folder("sqlite-locked");
    let path = folder.path().join("trunkline.db");
    let store = open(&path).await;
    let error = SqliteStore::open(&path, &Ambient::system()).await.err().unwrap();
    assert_eq!(error.retry, Retry::Never);
    let line = error.chain();
    assert!(line.contains("trunkline.db") && line.contains("name another file"), "{line}");
    store.close().await;
    open(&path).await.close().await;
}
