//! From where a session is pushed what it was told nothing of, and what has happened lately.

use super::scene::{Scene, conversation, user, users};
use crate::store::{COMMIT_LAG_MS_MAX, PositionQuery};

/// One message a minute, so that the lag of commits does not matter.
const MINUTE_MS: u64 = 60_000;

/// `1` says nine messages to `2`, in the minutes 1 to 9.
async fn nine_minutes(scene: &Scene) {
    for minute in 1..=9 {
        scene.say_at(minute * MINUTE_MS, "1", "2").await;
    }
}

pub(super) async fn a_position_is_the_cursor_where_that_is_lower(scene: Scene) {
    nine_minutes(&scene).await;
    let late = 100 * MINUTE_MS;
    assert_eq!(scene.position("d:1:2", Some("2"), late).await, 0);
    scene.mark("2", "d:1:2", 4).await.unwrap();
    assert_eq!(scene.position("d:1:2", Some("2"), late).await, 4);
    assert_eq!(scene.position("d:1:2", Some("1"), late).await, 9);
    assert_eq!(scene.position("d:3:4", Some("3"), late).await, 0, "nothing was said there");
    assert_eq!(scene.position("g:absent", None, late).await, 0);
}

/// Another device has read on since.
pub(super) async fn a_position_is_never_above_the_head_at_arrival(scene: Scene) {
    nine_minutes(&scene).await;
    scene.mark("2", "d:1:2", 9).await.unwrap();
    for minute in 1..=9 {
        let arrived_ms = minute * MINUTE_MS + MINUTE_MS / 2;
        assert_eq!(scene.position("d:1:2", Some("2"), arrived_ms).await, minute);
        let racing = scene.position("d:1:2", Some("2"), minute * MINUTE_MS + COMMIT_LAG_MS_MAX / 2).await;
        assert!(racing < minute, "message {minute} may have become readable after the arrival");
    }
    assert_eq!(scene.position("d:1:2", Some("2"), 0).await, 0);
}

pub(super) async fn a_session_without_cursors_starts_at_the_head_of_its_arrival(scene: Scene) {
    nine_minutes(&scene).await;
    scene.mark("2", "d:1:2", 2).await.unwrap();
    for (arrived_ms, head) in
        [(0, 0), (MINUTE_MS, 0), (MINUTE_MS + 1, 1), (7 * MINUTE_MS + 1, 7), (u64::MAX >> 11, 9)]
    {
        assert_eq!(scene.position("d:1:2", None, arrived_ms).await, head, "{arrived_ms}");
    }
}

pub(super) async fn positions_come_in_the_order_asked(scene: Scene) {
    nine_minutes(&scene).await;
    scene.say("1", "3").await;
    let query = |name: &str, of: Option<&str>, minutes: u64| PositionQuery {
        conversation: conversation(name),
        user: of.map(user),
        arrived_ms: minutes * MINUTE_MS + 1,
    };
    let queries = [
        query("d:1:2", None, 5),
        query("d:1:3", None, 5),
        query("d:7:8", None, 5),
        query("d:1:2", Some("2"), 5),
        query("d:1:2", None, 2),
        query("d:1:2", None, 5),
    ];
    assert_eq!(scene.store.positions(&queries).await.unwrap(), [5, 1, 0, 0, 2, 5]);
}

pub(super) async fn recent_heads_are_those_of_the_users_own_conversations(scene: Scene) {
    scene.put("g", &["1", "3"]).await;
    scene.put("silent", &["1"]).await;
    scene.say_at(1_000, "1", "2").await;
    scene.say_at(2_000, "3", "g:g").await;
    scene.say_at(3_000, "api", "g:everyone").await;
    scene.say_at(3_000, "2", "3").await;
    let heads = |since_ms| {
        let scene = scene.clone();
        async move {
            let told = scene.store.recent_heads(&users(&["1", "2", "never"]), since_ms).await.unwrap();
            let mut told: Vec<Vec<String>> = told
                .into_iter()
                .map(|heads| heads.into_iter().map(|(name, head)| format!("{name} {head}")).collect())
                .collect();
            told.iter_mut().for_each(|heads| heads.sort());
            told
        }
    };
    let everyone = vec!["g:everyone 1".to_owned()];
    assert_eq!(
        heads(0).await,
        [
            vec!["d:1:2 1".to_owned(), "g:everyone 1".to_owned(), "g:g 1".to_owned()],
            vec!["d:1:2 1".to_owned(), "d:2:3 1".to_owned(), "g:everyone 1".to_owned()],
            everyone.clone(),
        ]
    );
    assert_eq!(
        heads(2_000).await,
        [
            vec!["g:everyone 1".to_owned(), "g:g 1".to_owned()],
            vec!["d:2:3 1".to_owned(), "g:everyone 1".to_owned()],
            everyone,
        ]
    );
    assert_eq!(heads(3_001).await, [vec![], vec![], Vec::<String>::new()]);
}
