//! What a user has not read: others' messages above the cursor.

use super::scene::{Scene, users};
use crate::store::Denied;

const ONE_TWO: &str = "d:1:2";

pub(super) async fn unread_counts_others_messages_only(scene: Scene) {
    scene.put("g", &["1", "2", "3"]).await;
    for from in ["2", "1", "3", "1", "1", "2"] {
        scene.say(from, "g:g").await;
    }
    assert_eq!(scene.count("1", "g:g").await, 3);
    assert_eq!(scene.count("2", "g:g").await, 4, "the first was sent with nothing unread below it");
    assert_eq!(scene.count("3", "g:g").await, 5);
    let items = scene.unread("1").await;
    assert_eq!(items.first().unwrap().head, 6);
}

pub(super) async fn a_send_moves_the_cursor_along_when_nothing_unread_lies_below(scene: Scene) {
    scene.say_times(2, "1", "2").await;
    assert_eq!(scene.cursor("1", ONE_TWO).await, 2);
    assert_eq!((scene.count("1", ONE_TWO).await, scene.count("2", ONE_TWO).await), (0, 2));
    assert_eq!(scene.mark("2", ONE_TWO, 2).await, Ok(Some(2)));
    scene.say("2", "1").await;
    assert_eq!(scene.cursor("2", ONE_TWO).await, 3);
    assert_eq!(scene.cursor("1", ONE_TWO).await, 2, "the other has not read it");
}

pub(super) async fn a_send_above_something_unread_leaves_the_cursor(scene: Scene) {
    scene.say("2", "1").await;
    scene.say_times(2, "1", "2").await;
    assert_eq!(scene.cursor("1", ONE_TWO).await, 0);
    assert_eq!(scene.count("1", ONE_TWO).await, 1);
    assert_eq!(scene.mark("1", ONE_TWO, 1).await, Ok(Some(1)));
    assert_eq!(scene.count("1", ONE_TWO).await, 0);
    scene.say("1", "2").await;
    assert_eq!(scene.cursor("1", ONE_TWO).await, 4, "only one's own lay between");
}

/// Own and others' messages take turns, and the cursor goes over each of them.
pub(super) async fn reading_up_to_ones_own_message_leaves_the_count_right(scene: Scene) {
    for _ in 0..4 {
        scene.say("2", "1").await;
        scene.say("1", "2").await;
    }
    for (seq, unread) in [(1, 3), (2, 3), (3, 2), (5, 1), (6, 1), (8, 0)] {
        assert_eq!(scene.mark("1", ONE_TWO, seq).await, Ok(Some(seq)));
        assert_eq!(scene.count("1", ONE_TWO).await, unread, "read up to {seq}");
    }
    scene.say_times(2, "2", "1").await;
    assert_eq!(scene.count("1", ONE_TWO).await, 2);
}

/// What a send has carried the cursor over must not be taken off a second time.
pub(super) async fn own_messages_that_a_send_has_passed_are_not_counted_again(scene: Scene) {
    scene.say("2", "1").await;
    scene.say("1", "2").await;
    scene.mark("1", ONE_TWO, 1).await.unwrap();
    assert_eq!(scene.say("1", "2").await, 3);
    assert_eq!(scene.cursor("1", ONE_TWO).await, 3);
    scene.say("2", "1").await;
    scene.say("1", "2").await;
    assert_eq!(scene.mark("1", ONE_TWO, 4).await, Ok(Some(4)));
    assert_eq!(scene.count("1", ONE_TWO).await, 0);
}

/// The same for what was said before leaving a group.
pub(super) async fn own_messages_of_an_earlier_membership_are_not_counted_again(scene: Scene) {
    scene.put("g", &["1", "2"]).await;
    scene.say("2", "g:g").await;
    scene.say("1", "g:g").await;
    scene.leave("g", "1").await;
    scene.join("g", "1").await;
    assert_eq!(scene.say("2", "g:g").await, 3);
    scene.say("1", "g:g").await;
    assert_eq!(scene.mark("1", "g:g", 3).await, Ok(Some(3)));
    assert_eq!(scene.count("1", "g:g").await, 0);
}

pub(super) async fn the_cursor_goes_forward_only_and_never_above_the_head(scene: Scene) {
    scene.say_times(5, "2", "1").await;
    let marks = [(3, Some(3)), (2, None), (3, None), (0, None), (99, Some(5)), (u64::MAX >> 11, None)];
    for (seq, moved) in marks {
        assert_eq!(scene.mark("1", ONE_TWO, seq).await, Ok(moved), "{seq}");
    }
    assert_eq!(scene.cursor("1", ONE_TWO).await, 5);
    assert_eq!(scene.count("1", ONE_TWO).await, 0);
    scene.say("2", "1").await;
    assert_eq!(scene.count("1", ONE_TWO).await, 1, "a cursor above the head would have hidden this one");
}

pub(super) async fn reading_is_refused_where_one_does_not_belong(scene: Scene) {
    scene.put("g", &["1"]).await;
    scene.say("1", "g:g").await;
    scene.say("1", "2").await;
    assert_eq!(scene.mark("3", ONE_TWO, 1).await, Err(Denied::Forbidden));
    assert_eq!(scene.mark("3", "g:g", 1).await, Err(Denied::Forbidden));
    assert_eq!(scene.mark("3", "d:3:4", 1).await, Ok(None), "nothing was said yet");
    assert_eq!(scene.list("3", 10, None).await.items.len(), 0);
}

pub(super) async fn unread_is_listed_the_latest_first_and_cut(scene: Scene) {
    for (time_ms, from) in [(1_000, "a"), (4_000, "b"), (2_000, "c"), (3_000, "d"), (5_000, "a")] {
        scene.say_at(time_ms, from, "me").await;
    }
    scene.say_at(6_000, "me", "read-by-me").await;
    let names = |items: &[wire::frame::Unread]| -> Vec<String> {
        items.iter().map(|item| item.conversation.to_string()).collect()
    };
    let all = scene.store.arrive(&users(&["me"]), 4).await.unwrap().pop().unwrap();
    assert_eq!(names(&all.items), ["d:a:me", "d:b:me", "d:d:me", "d:c:me"]);
    assert!(!all.more);
    let cut = scene.store.arrive(&users(&["me"]), 2).await.unwrap().pop().unwrap();
    assert_eq!(names(&cut.items), ["d:a:me", "d:b:me"]);
    assert!(cut.more);
    assert_eq!(cut.items.first().map(|item| (item.unread, item.head)), Some((2, 2)));
}

pub(super) async fn to_oneself_is_never_unread(scene: Scene) {
    assert_eq!(scene.say("1", "1").await, 1);
    assert_eq!(scene.say("1", "1").await, 2);
    assert_eq!(scene.unread("1").await, []);
    let page = scene.list("1", 10, None).await;
    let line = page.items.first().unwrap();
    assert_eq!((page.items.len(), line.conversation.as_str()), (1, "d:1:1"));
    assert_eq!((line.head, line.unread, line.read), (2, 0, 2));
}

pub(super) async fn joining_a_group_starts_with_nothing_unread(scene: Scene) {
    scene.put("g", &["1"]).await;
    scene.say_times(5, "1", "g:g").await;
    scene.join("g", "2").await;
    assert_eq!((scene.count("2", "g:g").await, scene.cursor("2", "g:g").await), (0, 5));
    scene.say("2", "g:g").await;
    assert_eq!(scene.cursor("2", "g:g").await, 6, "a send moves along the cursor of a new member too");
    assert_eq!(scene.count("1", "g:g").await, 1);
}

pub(super) async fn unread_of_many_users_comes_in_the_order_asked(scene: Scene) {
    scene.say_times(1, "9", "1").await;
    scene.say_times(2, "9", "2").await;
    let lists = scene.store.arrive(&users(&["2", "never", "1", "2"]), 10).await.unwrap();
    let counts: Vec<Vec<u64>> =
        lists.iter().map(|list| list.items.iter().map(|item| item.unread).collect()).collect();
    assert_eq!(counts, [vec![2], vec![], vec![1], vec![2]]);
    assert_eq!(scene.store.arrive(&[], 10).await.unwrap().len(), 0);
}
