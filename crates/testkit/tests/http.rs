//! The HTTP client sends what it is told and shows what came, whatever way the body was framed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests, and the helpers between them")]

use serde_json::json;
use testkit::http::Http;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A server that answers every request with `answer`, and the requests that it got.
async fn server(answer: &'static str) -> (Http, tokio::sync::mpsc::Receiver<String>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let http = Http::at(&format!("http://{}", listener.local_addr().unwrap()));
    let (tell, told) = tokio::sync::mpsc::channel(10);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            tell.send(String::from_utf8_lossy(&request[..length]).into_owned()).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (http, told, tasks)
}

#[tokio::test]
async fn a_request_carries_method_path_key_and_json() {
    let (http, mut told, _tasks) =
        server("HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n{\"seq\":3}").await;
    let answer = http.bearer("key").post("/api/v1/messages?x=%20", &json!({ "from": "1" })).await;
    assert_eq!((answer.status, answer.json()), (201, json!({ "seq": 3 })));
    let request = told.recv().await.unwrap();
    assert!(request.starts_with("POST /api/v1/messages?x=%20 HTTP/1.1\r\nHost: 127.0.0.1:"), "{request}");
    assert!(request.contains("\r\nAuthorization: Bearer key\r\n"), "{request}");
    assert!(request.ends_with("Content-Length: 12\r\n\r\n{\"from\":\"1\"}"), "{request}");
}

#[tokio::test]
async fn a_body_may_end_with_the_connection_or_not_be_there() {
    let (http, _told, _tasks) = server("HTTP/1.1 404 Not Found\r\n\r\nno such thing").await;
    let answer = http.get("/").await;
    assert_eq!((answer.status, answer.text().as_str()), (404, "no such thing"));
    let (http, _told, _tasks) = server("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(http.delete("/x").await.body, b"");
}

#[tokio::test]
async fn metrics_are_scraped() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\nsessions{node=\"node-1\"} 3\n";
    let (http, _told, _tasks) = server(answer).await;
    assert_eq!(http.metrics().await.sum("sessions", &[("node", "node-1")]), 3.0);
}

#[tokio::test]
async fn a_server_that_is_away_is_an_error_and_not_an_answer() {
    let http = Http::at(&format!("http://127.0.0.1:{}", testkit::ports::free()));
    assert!(http.try_request("GET", "/", None).await.is_err());
}
