//! A send is known by its sender and id, and is kept once.

use tokio::task::JoinSet;

use super::scene::{Scene, raw, target, user};
use crate::store::{Denied, Draft};

/// Whatever else is new about it: message id and time are those of the first.
pub(super) async fn the_same_send_again_gives_the_first_message(scene: Scene) {
    scene.put("g", &["1"]).await;
    for to in ["2", "g:g", "g:everyone", "1"] {
        let draft = scene.draft("1", to);
        let first = scene.append(&draft).await.unwrap();
        scene.say("1", to).await;
        let again = Draft {
            message_id: scene.draft("1", to).message_id,
            time_ms: 9_000,
            members_only: false,
            ..draft.clone()
        };
        let second = scene.append(&again).await.unwrap();
        assert!(first.fresh && !second.fresh, "{to}");
        assert_eq!(second.message.seq, first.message.seq, "{to}");
        assert_eq!(second.message.message_id, draft.message_id, "{to}");
        assert_eq!(second.message.time_ms, first.message.time_ms, "{to}");
        assert_eq!(second.message.to, draft.to, "{to}");
        assert_eq!(second.message.frame(), first.message.frame(), "{to}");
        assert_eq!(second.version, first.version, "{to}");
    }
    assert_eq!(scene.log("d:1:2").await.head, 2);
}

pub(super) async fn the_same_send_many_times_at_once_is_kept_once(scene: Scene) {
    let draft = scene.draft("1", "2");
    let mut sends = JoinSet::new();
    for _ in 0..32 {
        let (scene, draft) = (scene.clone(), draft.clone());
        sends.spawn(async move { scene.append(&draft).await.unwrap() });
    }
    let kept = sends.join_all().await;
    assert_eq!(kept.iter().filter(|appended| appended.fresh).count(), 1);
    assert!(kept.iter().all(|appended| appended.message.seq == Some(1)));
    assert_eq!(scene.log("d:1:2").await.messages.len(), 1);
}

/// One byte of white space is another content, and the first is not harmed.
pub(super) async fn the_same_id_for_other_bytes_is_a_conflict(scene: Scene) {
    scene.put("g", &["1"]).await;
    let draft = Draft { content: raw("{\"a\":1}"), ..scene.draft("1", "2") };
    scene.append(&draft).await.unwrap();
    let others = [
        Draft { content: raw("{\"a\": 1}"), ..draft.clone() },
        Draft { content: raw("{\"a\":1.0}"), ..draft.clone() },
        Draft { to: target("3"), ..draft.clone() },
        Draft { to: target("1"), ..draft.clone() },
        Draft { to: target("g:g"), ..draft.clone() },
        Draft { to: target("g:2"), ..draft.clone() },
        Draft { to: target("g:everyone"), ..draft.clone() },
    ];
    for other in &others {
        assert_eq!(scene.append(other).await.unwrap_err(), Denied::Conflict, "{:?}", other.to);
    }
    let mut racing = JoinSet::new();
    for other in others.into_iter().chain([draft.clone()]) {
        let scene = scene.clone();
        racing.spawn(async move { scene.append(&other).await });
    }
    let results = racing.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(scene.log("d:1:2").await.head, 1);
    assert_eq!(scene.list("1", 10, None).await.items.len(), 2, "a conflict leaves no conversation behind");
}

pub(super) async fn the_same_id_of_another_sender_is_another_send(scene: Scene) {
    let draft = scene.draft("1", "2");
    let other = Draft { from: user("3"), message_id: scene.draft("3", "2").message_id, ..draft.clone() };
    for draft in [&draft, &other] {
        let appended = scene.append(draft).await.unwrap();
        assert!(appended.fresh);
        assert_eq!(appended.message.from.as_ref(), Some(&draft.from));
    }
}

/// A list of users is one id for all of them; without the list it is a send of its own.
pub(super) async fn one_of_a_list_is_remembered_for_each_user_on_its_own(scene: Scene) {
    let draft = Draft { listed: true, ..scene.draft("1", "2") };
    let to_another = Draft { to: target("3"), ..draft.clone() };
    let alone = Draft { listed: false, ..draft.clone() };
    for draft in [&draft, &to_another, &alone] {
        assert!(scene.append(draft).await.unwrap().fresh);
        assert!(!scene.append(draft).await.unwrap().fresh);
    }
    for draft in [draft, to_another, alone] {
        let other = Draft { content: raw("\"other\""), ..draft };
        assert_eq!(scene.append(&other).await.unwrap_err(), Denied::Conflict);
    }
    assert_eq!((scene.log("d:1:2").await.head, scene.log("d:1:3").await.head), (2, 1));
}

/// The first was kept, so its receipt is owed; anything new is not.
pub(super) async fn a_repeated_send_is_answered_after_its_sender_has_left_the_group(scene: Scene) {
    scene.put("g", &["1", "2"]).await;
    let draft = scene.draft("1", "g:g");
    let first = scene.append(&draft).await.unwrap();
    scene.leave("g", "1").await;
    let again = scene.append(&draft).await.unwrap();
    assert_eq!((again.fresh, again.message.seq, again.version), (false, first.message.seq, first.version));
    assert_eq!(scene.append(&scene.draft("1", "g:g")).await.unwrap_err(), Denied::Forbidden);
    scene.store.delete_group(&super::scene::group("g")).await.unwrap();
    assert!(!scene.append(&draft).await.unwrap().fresh);
    assert_eq!(scene.append(&scene.draft("2", "g:g")).await.unwrap_err(), Denied::NotFound);
}
