//! What is too long for one frame: a log, a list of conversations and `welcome` are cut where their limits are, and say that there is more.

use serde_json::{Value, json};

use crate::cluster::Setup;

#[tokio::test]
async fn a_page_ends_at_its_limit_and_holds_one_message_at_least() {
    let cluster = Setup::of(1).limits(|limits| limits.page_bytes_max = 1_000).start().await;
    let mut client = cluster.client(0, "1").await;
    let sizes = [400, 400, 400, 5_000, 400];
    for size in sizes {
        let id = client.send_to_user("2", "x".repeat(size)).await;
        client.expect_answer(&id).await;
    }
    let (mut after, mut pages) = (0, Vec::new());
    loop {
        let page = client.request(json!({"type": "history", "conversation": "d:1:2", "after": after})).await;
        let seqs: Vec<u64> =
            page["messages"].as_array().unwrap().iter().map(|it| it["seq"].as_u64().unwrap()).collect();
        after = *seqs.last().unwrap();
        pages.push(seqs);
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(pages.concat(), [1, 2, 3, 4, 5], "{pages:?}");
    assert!(pages.len() >= 3 && pages.contains(&vec![4]), "{pages:?}");
}

#[tokio::test]
async fn a_list_of_conversations_ends_at_its_limit_and_goes_on_where_it_says() {
    let cluster = Setup::of(1).limits(|limits| limits.page_bytes_max = 1_500).start().await;
    let mut client = cluster.client(0, "1").await;
    // Of two in one millisecond the first by name comes first.
    for other in ["e", "d", "c", "b", "a"] {
        let id = client.send_to_user(other, "x".repeat(400)).await;
        client.expect_answer(&id).await;
    }
    let (mut next, mut pages) = (Value::Null, Vec::new());
    loop {
        let page = client.request(json!({"type": "conversations", "next": next})).await;
        let lines = page["conversations"].as_array().unwrap();
        pages.push(
            lines.iter().map(|line| line["conversation"].as_str().unwrap().to_owned()).collect::<Vec<_>>(),
        );
        match page.get("next") {
            Some(more) => next = more.clone(),
            None => break,
        }
    }
    assert_eq!(pages.concat(), ["d:1:a", "d:1:b", "d:1:c", "d:1:d", "d:1:e"], "{pages:?}");
    assert!(pages.len() > 1 && pages.iter().all(|page| !page.is_empty()), "{pages:?}");
}

#[tokio::test]
async fn welcome_names_the_latest_two_hundred_and_says_that_there_are_more() {
    let cluster = Setup::of(1).start().await;
    for nth in 0..201 {
        let body = json!({"from": format!("u{nth}"), "to": {"user": "1"}, "content": "hi"});
        assert_eq!(cluster.http(0).post("/api/v1/messages", &body).await.status, 201);
    }
    let client = cluster.client(0, "1").await;
    let unread = client.welcome["unread"].as_array().unwrap();
    assert_eq!((unread.len(), &client.welcome["more"]), (200, &json!(true)));
    assert!(!unread.iter().any(|line| line["conversation"] == "d:1:u0"), "the latest are named");
}
