//! Bad requests: each gets a status, a code and a reason that names what is wrong, and nothing else happens.

use serde_json::json;

use crate::cluster::Setup;

const JSON: &str = "application/json";

/// What is asked, and what is answered.
struct Case {
    method: &'static str,
    path: String,
    kind: &'static str,
    body: Vec<u8>,
    status: u16,
    code: &'static str,
    reason: &'static str,
}

fn get(path: &str, status: u16, code: &'static str, reason: &'static str) -> Case {
    ask("GET", path, status, code, reason)
}

fn ask(method: &'static str, path: &str, status: u16, code: &'static str, reason: &'static str) -> Case {
    Case { method, path: path.to_owned(), kind: "", body: Vec::new(), status, code, reason }
}

fn send(body: impl Into<Vec<u8>>, status: u16, code: &'static str, reason: &'static str) -> Case {
    with("POST", "/api/v1/messages", JSON, body, status, code, reason)
}

fn with(
    method: &'static str,
    path: &str,
    kind: &'static str,
    body: impl Into<Vec<u8>>,
    status: u16,
    code: &'static str,
    reason: &'static str,
) -> Case {
    Case { method, path: path.to_owned(), kind, body: body.into(), status, code, reason }
}

fn cases() -> Vec<Case> {
    let good = r#"{"from":"1","to":{"user":"2"},"content":1}"#;
    let deep =
        format!(r#"{{"from":"1","to":{{"user":"2"}},"content":{}{}}}"#, "[".repeat(16), "]".repeat(16));
    let long = format!(r#"{{"from":"1","to":{{"user":"2"}},"content":"{}"}}"#, "x".repeat(60_000));
    let huge = vec![b' '; 200_000];
    let users = |count: usize| -> String {
        let ids: Vec<String> = (0..count).map(|id| id.to_string()).collect();
        json!({"from": "1", "to": {"users": ids}, "content": 1}).to_string()
    };
    let members: Vec<usize> = (0..10_001).collect();
    let members = json!({"members": members}).to_string();
    vec![
        // What is not there.
        get("/", 404, "not_found", "no such path"),
        get("/api/v1/message", 404, "not_found", "no such path"),
        get("/api/v1/nodes/", 404, "not_found", "no such path"),
        get("/api/v1/groups//members", 400, "bad_field", "path: a group id must be"),
        get("/healthz/x", 404, "not_found", "no such path"),
        ask(
            "DELETE",
            "/api/v1/users/1/sessions/01JD0000000000000000000000",
            404,
            "not_found",
            "no such session",
        ),
        get("/api/v1/groups/nowhere", 404, "not_found", "no such group"),
        get("/api/v1/conversations/g:nowhere/messages", 404, "not_found", "no such group"),
        // What is not built.
        with("POST", "/api/v1/presence", JSON, r#"{"users":["1"]}"#, 404, "not_found", "not supported yet"),
        ask("POST", "/api/v1/nodes/node-1/drain", 404, "not_found", "not supported yet"),
        get("/admin", 404, "not_found", "not supported yet"),
        get("/admin/index.html", 404, "not_found", "not supported yet"),
        // Methods.
        get("/api/v1/messages", 405, "bad_field", "GET is not known here"),
        ask("PATCH", "/api/v1/groups/g1", 405, "bad_field", "PATCH is not known here"),
        ask("POST", "/healthz", 405, "bad_field", "POST is not known here"),
        ask("OPTIONS", "/api/v1/nodes", 405, "bad_field", "OPTIONS is not known here"),
        // Media and sizes.
        with("POST", "/api/v1/messages", "text/plain", good, 415, "unsupported_media", "application/json"),
        with(
            "POST",
            "/api/v1/messages",
            "application/jsonp",
            good,
            415,
            "unsupported_media",
            "application/json",
        ),
        with(
            "PUT",
            "/api/v1/groups/g1",
            "application/x-www-form-urlencoded",
            "members=1",
            415,
            "unsupported_media",
            "application/json",
        ),
        send(huge, 413, "too_large", "longer than 191072 bytes"),
        send(long, 413, "too_large", "content: more than 60000 bytes"),
        with(
            "PUT",
            "/api/v1/groups/g1",
            JSON,
            vec![b' '; 1_100_000],
            413,
            "too_large",
            "longer than 1048576 bytes",
        ),
        // Bodies.
        send("", 400, "bad_frame", "must be a JSON object"),
        send("hi", 400, "bad_frame", "must be a JSON object"),
        send("[1]", 400, "bad_frame", "must be a JSON object"),
        send("{", 400, "bad_frame", "line 1 column 1"),
        send(format!("{good} {good}"), 400, "bad_frame", "trailing"),
        send(&b"{\"from\":\"\xff\"}"[..], 400, "bad_frame", "not UTF-8"),
        send(r#"{"from":"1","from":"1"}"#, 400, "bad_frame", "duplicate field `from`"),
        send(deep, 400, "bad_content", "nested deeper than 16"),
        // Fields.
        send("{}", 400, "bad_field", "to: is missing"),
        send(r#"{"to":{"user":"2"},"content":1}"#, 400, "bad_field", "from: is missing"),
        send(r#"{"from":"1","to":{"user":"2"}}"#, 400, "bad_field", "content: is missing"),
        send(r#"{"from":"a b","to":{"user":"2"},"content":1}"#, 400, "bad_field", "from: a user id must be"),
        send(r#"{"from":1.5,"to":{"user":"2"},"content":1}"#, 400, "bad_field", "from:"),
        send(r#"{"from":"1","to":"2","content":1}"#, 400, "bad_field", "to:"),
        send(r#"{"from":"1","to":{"user":"2","group":"3"},"content":1}"#, 400, "bad_field", "to:"),
        send(
            r#"{"from":"1","to":{"everyone":true},"content":1}"#,
            400,
            "bad_field",
            "to: unknown variant `everyone`",
        ),
        send(
            r#"{"from":"1","to":{"users":["1","/"]},"content":1}"#,
            400,
            "bad_field",
            "to: a user id must be",
        ),
        send(users(0), 400, "bad_field", "to: users must be 1 to 1000 ids"),
        send(users(1_001), 400, "bad_field", "to: users must be 1 to 1000 ids"),
        send(r#"{"from":"1","to":{"user":"2"},"content":"\ud800"}"#, 400, "bad_content", "lone surrogate"),
        send(r#"{"from":"1","to":{"user":"2"},"content":1,"id":""}"#, 400, "bad_field", "id: an id must be"),
        send(r#"{"from":"1","to":{"user":"2"},"content":1,"id":7}"#, 400, "bad_field", "id:"),
        send(r#"{"from":"1","to":{"user":"2"},"content":1,"signal":"yes"}"#, 400, "bad_field", "signal:"),
        with("PUT", "/api/v1/groups/g1", JSON, r#"{"members":"1"}"#, 400, "bad_field", "members:"),
        with("PUT", "/api/v1/groups/g1", JSON, r#"{"members":["1",null]}"#, 400, "bad_field", "members:"),
        with("PUT", "/api/v1/groups/g1", JSON, members, 400, "bad_field", "members: more than 10000 ids"),
        with("POST", "/api/v1/groups/g1/members", JSON, "{}", 400, "bad_field", "members: is missing"),
        // Paths and queries.
        get("/api/v1/users/a%20b", 400, "bad_field", "path: a user id must be"),
        get("/api/v1/users/1%2F2", 400, "bad_field", "path: a user id must be"),
        get("/api/v1/users/1%zz", 400, "bad_field", "path: a user id must be"),
        get("/api/v1/users/%ff", 400, "bad_field", "path: not UTF-8"),
        get("/api/v1/users/1%00", 400, "bad_field", "path: a user id must be"),
        get(&format!("/api/v1/users/{}", "x".repeat(65)), 400, "bad_field", "path: a user id must be"),
        ask("PUT", "/api/v1/groups/g%201/members/1", 400, "bad_field", "path: a group id must be"),
        ask("DELETE", "/api/v1/users/1/sessions/1", 400, "bad_field", "path: a session id must be"),
        get("/api/v1/conversations/d:2:1/messages", 400, "bad_field", "path: a conversation"),
        get("/api/v1/conversations/d:1:2/messages?limit=0", 400, "bad_field", "limit: must be 1 to 200"),
        get("/api/v1/conversations/d:1:2/messages?limit=201", 400, "bad_field", "limit: must be 1 to 200"),
        get("/api/v1/conversations/d:1:2/messages?limit=x", 400, "bad_field", "limit: invalid digit"),
        get("/api/v1/conversations/d:1:2/messages?before=1&after=1", 400, "bad_field", "exclude each other"),
        get("/api/v1/conversations/d:1:2/messages?before=-1", 400, "bad_field", "before:"),
        get(
            "/api/v1/conversations/d:1:2/messages?after=9007199254740992",
            400,
            "bad_field",
            "after: must be at most",
        ),
        get(
            "/api/v1/conversations/d:1:2/messages?after=%zz",
            400,
            "bad_field",
            "after: a broken percent-escape",
        ),
        get("/api/v1/users/1/conversations?next=nonsense", 400, "bad_field", "next: must be"),
    ]
}

#[tokio::test]
async fn every_bad_request_gets_its_code_its_status_and_its_reason() {
    let cluster = Setup::of(1).start().await;
    let http = cluster.http(0);
    let cases = cases();
    assert!(cases.len() >= 60);
    for case in &cases {
        let Case { method, path, kind, body, .. } = case;
        let shown: String = String::from_utf8_lossy(body).chars().take(80).collect();
        let what = format!("{method} {path} {kind} {shown}");
        let body = (!kind.is_empty()).then_some((*kind, body.as_slice()));
        let answer = http.try_request(method, path, body).await;
        let answer = answer.unwrap_or_else(|ended| panic!("{what}: {ended}"));
        assert_eq!(answer.status, case.status, "{what}: {}", answer.text());
        assert_eq!(answer.header("Content-Type"), Some("application/json"), "{what}");
        let json = answer.json();
        let error = json["error"].as_object().unwrap_or_else(|| panic!("{what}: {json}"));
        assert_eq!(error["code"], case.code, "{what}: {json}");
        assert!(error["reason"].as_str().unwrap().contains(case.reason), "{what}: {json}");
        assert!(!error.contains_key("retry_ms"), "trying again will not change this: {what}");
    }
    let members = http.get("/api/v1/groups/g1").await;
    assert_eq!(members.status, 404, "no refused call has made the group");
    assert_eq!(http.get("/api/v1/users/1/conversations").await.json()["conversations"], json!([]));
}

#[tokio::test]
async fn a_wrong_method_names_the_right_ones() {
    let cluster = Setup::of(1).start().await;
    let answer = cluster.http(0).request("PATCH", "/api/v1/groups/g1", None).await;
    let allow = answer.header("Allow").expect("an Allow header");
    let mut allowed: Vec<&str> = allow.split(',').map(str::trim).collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["DELETE", "GET", "HEAD", "PUT"]);
}
