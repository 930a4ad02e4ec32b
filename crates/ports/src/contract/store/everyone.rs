//! The reserved group that everyone is in.

use wire::frame::Range;
use wire::id::GroupId;

use super::scene::{Scene, denied, query, seqs, user, users};
use crate::store::{Denied, Reader};

const EVERYONE: &str = "g:everyone";

pub(super) async fn everyone_needs_no_members_and_has_no_roster(scene: Scene) {
    let appended = scene.append(&scene.draft("1", EVERYONE)).await.unwrap();
    assert_eq!((appended.message.seq, appended.version), (Some(1), None));
    assert!(scene.log(EVERYONE).await.roster.is_none());
    assert_eq!(scene.store.rosters(&[GroupId::everyone()]).await.unwrap(), [None]);
}

pub(super) async fn the_cursor_for_everyone_starts_at_the_head_of_the_first_arrival(scene: Scene) {
    scene.say_times(3, "api", EVERYONE).await;
    assert_eq!(scene.unread("1").await, []);
    assert_eq!(scene.cursor("1", EVERYONE).await, 3);
    assert_eq!(scene.position(EVERYONE, Some("1"), 100_000).await, 3);
    scene.say("api", EVERYONE).await;
    assert_eq!(scene.unread("2").await, [], "another one arrives later");
    assert_eq!(scene.count("1", EVERYONE).await, 1, "a second arrival moves nothing");
    assert_eq!(scene.mark("1", EVERYONE, 4).await, Ok(Some(4)));
    assert_eq!(scene.count("1", EVERYONE).await, 0);
}

pub(super) async fn what_everyone_is_told_counts_while_away(scene: Scene) {
    scene.store.arrive(&users(&["1", "2", "3"]), 10).await.unwrap();
    scene.say_times(2, "1", EVERYONE).await;
    scene.say("2", EVERYONE).await;
    assert_eq!(scene.count("1", EVERYONE).await, 1, "one's own do not count");
    assert_eq!(scene.count("2", EVERYONE).await, 2);
    assert_eq!(scene.count("3", EVERYONE).await, 3);
}

pub(super) async fn the_history_of_everyone_is_open_to_all(scene: Scene) {
    scene.say_times(3, "api", EVERYONE).await;
    scene.unread("seen").await;
    scene.say("api", EVERYONE).await;
    for reader in [Reader::User(user("seen")), Reader::User(user("never-seen")), Reader::All] {
        let page = scene.page(query(EVERYONE, reader, Range::After(0))).await.unwrap();
        assert_eq!((seqs(&page), page.first, page.head), (vec![1, 2, 3, 4], 1, 4));
    }
}

pub(super) async fn everyone_is_listed_once_it_has_a_message(scene: Scene) {
    scene.unread("1").await;
    assert_eq!(scene.list("1", 10, None).await.items.len(), 0);
    assert_eq!(scene.log(EVERYONE).await.head, 0);
    scene.say("2", EVERYONE).await;
    for (reader, unread) in [("1", 1), ("never-seen", 0)] {
        let page = scene.list(reader, 10, None).await;
        let line = page.items.first().unwrap();
        assert_eq!((line.conversation.as_str(), line.head, line.unread), (EVERYONE, 1, unread), "{reader}");
        assert_eq!(line.read, 1 - unread);
        assert_eq!(line.last.as_ref().unwrap().seq, Some(1));
    }
}

pub(super) async fn the_members_of_everyone_cannot_be_changed(scene: Scene) {
    let (everyone, one) = (GroupId::everyone(), users(&["1"]));
    assert!(scene.store.put_group(&everyone, Some(&one)).await.is_err());
    let refused = [
        denied(scene.store.add_members(&everyone, &one, true).await),
        denied(scene.store.remove_members(&everyone, &one).await),
        denied(scene.store.delete_group(&everyone).await),
    ];
    assert!(refused.iter().all(|change| matches!(change, Err(Denied::Forbidden))), "{refused:?}");
    assert_eq!(scene.say("1", EVERYONE).await, 1);
}
