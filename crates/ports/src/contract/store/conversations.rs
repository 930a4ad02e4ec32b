//! The list of a user's conversations.

use super::scene::{Scene, denied, names, user};
use crate::store::Denied;

pub(super) async fn conversations_are_listed_the_latest_first(scene: Scene) {
    scene.put("g", &["me"]).await;
    scene.say_at(1_000, "me", "a").await;
    scene.say_at(3_000, "b", "me").await;
    scene.say_at(2_000, "me", "g:g").await;
    scene.say_at(2_500, "x", "g:everyone").await;
    assert_eq!(names(&scene.list("me", 10, None).await), ["d:b:me", "g:everyone", "g:g", "d:a:me"]);
    scene.say_at(4_000, "a", "me").await;
    let page = scene.list("me", 10, None).await;
    assert_eq!(names(&page), ["d:a:me", "d:b:me", "g:everyone", "g:g"]);
    assert_eq!(page.next, None);
}

pub(super) async fn a_line_tells_head_unread_cursor_and_last_message(scene: Scene) {
    for from in ["2", "2", "1", "2"] {
        let to = if from == "1" { "2" } else { "1" };
        scene.say(from, to).await;
    }
    scene.mark("1", "d:1:2", 1).await.unwrap();
    let page = scene.list("1", 10, None).await;
    let line = page.items.first().unwrap();
    assert_eq!((line.head, line.unread, line.read), (4, 2, 1));
    let last = line.last.as_ref().unwrap();
    assert_eq!(last.frame(), scene.log("d:1:2").await.messages.last().unwrap().frame());
    assert_eq!(last.id, scene.log("d:1:2").await.messages.last().unwrap().id);
}

pub(super) async fn groups_without_messages_are_listed_too(scene: Scene) {
    scene.put("silent", &["1"]).await;
    scene.say("1", "2").await;
    let page = scene.list("1", 10, None).await;
    assert_eq!(names(&page), ["d:1:2", "g:silent"]);
    let line = page.items.last().unwrap();
    assert_eq!((line.head, line.unread, line.read), (0, 0, 0));
    assert!(line.last.is_none());
}

pub(super) async fn a_late_member_is_not_shown_the_last_message_before(scene: Scene) {
    scene.put("g", &["1"]).await;
    scene.say("1", "g:g").await;
    scene.join("g", "2").await;
    let page = scene.list("2", 10, None).await;
    assert!(page.items.first().unwrap().last.is_none());
    scene.say("1", "g:g").await;
    let page = scene.list("2", 10, None).await;
    assert_eq!(page.items.first().unwrap().last.as_ref().unwrap().seq, Some(2));
}

/// Between two pages, one that was shown, one that was not, and a new one move to the top.
pub(super) async fn paging_shows_each_conversation_once_whatever_is_said_meanwhile(scene: Scene) {
    for number in 1..=9 {
        scene.say_at(number * 1_000, "me", &format!("u{number}")).await;
    }
    scene.put("silent", &["me"]).await;
    let first = scene.list("me", 3, None).await;
    assert_eq!(names(&first), ["d:me:u9", "d:me:u8", "d:me:u7"]);
    for (time_ms, to) in [(20_000, "u8"), (21_000, "u5"), (22_000, "u1"), (23_000, "u5")] {
        scene.say_at(time_ms, "me", to).await;
    }
    let second = scene.list("me", 4, first.next.as_deref()).await;
    assert_eq!(names(&second), ["d:me:u6", "d:me:u5", "d:me:u4", "d:me:u3"]);
    assert_eq!(second.items.get(1).unwrap().head, 3, "what a line tells is of now");
    scene.say_at(30_000, "me", "u3").await;
    let third = scene.list("me", 4, second.next.as_deref()).await;
    assert_eq!(names(&third), ["d:me:u2", "d:me:u1", "g:silent"]);
    assert_eq!(third.next, None);
}

pub(super) async fn a_bookmark_that_nobody_gave_is_refused(scene: Scene) {
    scene.say("1", "2").await;
    for text in [
        "",
        "x",
        "1",
        "1.2",
        "1.2.3",
        "1.2.d:2:1",
        "-1.2.d:1:2",
        "1.2.d:1:2'",
        "..",
        "9999999999999999999999.1.g:x",
    ] {
        let list = scene.store.conversations(&user("1"), 10, Some(text)).await;
        assert_eq!(denied(list.map(drop)), Err(Denied::Unacceptable), "{text:?}");
    }
    for far in ["18446744073709551615.18446744073709551615.g:x", "0.0.d:1:2"] {
        scene.list("1", 10, Some(far)).await;
    }
}

pub(super) async fn a_group_that_was_left_is_not_listed(scene: Scene) {
    scene.put("g", &["1", "2"]).await;
    scene.say("1", "g:g").await;
    scene.leave("g", "2").await;
    assert_eq!(scene.list("2", 10, None).await.items.len(), 0);
    assert_eq!(names(&scene.list("1", 10, None).await), ["g:g"]);
}
