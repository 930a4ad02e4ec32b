//! `/openapi.json` says what is served, and what is served is as it says.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::cluster::Setup;

/// Holds a JSON value against a schema of the description: none missing that it requires, and, where it is the whole schema, no field that it does not name.
fn check(description: &Value, schema: &Value, value: &Value, whole: bool) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{what}: {value} against {schema:#}"));
    if let Some(reference) = schema["$ref"].as_str() {
        let target = description.pointer(reference.trim_start_matches('#'));
        return check(description, target.ok_or(format!("{reference} leads nowhere"))?, value, whole);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = choices.iter().any(|choice| check(description, choice, value, whole).is_ok());
        return if fits { Ok(()) } else { wrong("none of the choices") };
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return parts.iter().try_for_each(|part| check(description, part, value, false));
    }
    if let Some(items) = schema.get("items") {
        let values = value.as_array().ok_or(format!("no list: {value}"))?;
        return values.iter().try_for_each(|value| check(description, items, value, true));
    }
    let fits = match schema["type"].as_str() {
        Some("object") => return check_object(description, schema, value, whole),
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        _ => true,
    };
    if fits { Ok(()) } else { wrong("another type") }
}

fn check_object(description: &Value, schema: &Value, value: &Value, whole: bool) -> Result<(), String> {
    let fields = value.as_object().ok_or(format!("no object: {value}"))?;
    for (name, value) in fields {
        match schema["properties"].get(name) {
            Some(property) => check(description, property, value, true)?,
            None if whole => return Err(format!("{name} is not described: {schema:#}")),
            None => {}
        }
    }
    let mut required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    match required.find(|name| !fields.contains_key(*name)) {
        Some(name) => Err(format!("{name} is missing in {value}")),
        None => Ok(()),
    }
}

#[tokio::test]
async fn the_description_is_openapi_3_1_and_every_route_of_it_is_served() {
    let cluster = Setup::of(1).start().await;
    let http = cluster.http(0);
    let description = http.get("/openapi.json").await.json();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"), "{}", description["openapi"]);
    assert_eq!(description["components"]["securitySchemes"]["api_key"]["scheme"], "bearer");
    let schemas = &description["components"]["schemas"];
    let required: BTreeSet<&str> =
        schemas["NewMessage"]["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(required, BTreeSet::from(["content", "from", "to"]), "{schemas:#}");
    assert_eq!(schemas["Recipients"]["oneOf"].as_array().unwrap().len(), 3);
    let mut routes = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            assert!(
                operation["summary"].is_string() && operation["operationId"].is_string(),
                "{method} {path}"
            );
            routes.push(format!("{} {path}", method.to_uppercase()));
            let path = path.replace("{group}", "a").replace("{user}", "b").replace("{conversation}", "d:1:2");
            let path = path.replace("{session}", "01JD0000000000000000000000");
            let answer = http.request(&method.to_uppercase(), &path, None).await;
            let text = answer.text();
            assert!(answer.status != 405 && !text.contains("no such path"), "{method} {path}: {answer:?}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(
                responses.contains_key(&answer.status.to_string()),
                "{method} {path}: {} is not described",
                answer.status
            );
        }
    }
    routes.sort_unstable();
    let expected = [
        "DELETE /api/v1/groups/{group}",
        "DELETE /api/v1/groups/{group}/members/{user}",
        "DELETE /api/v1/users/{user}/sessions",
        "DELETE /api/v1/users/{user}/sessions/{session}",
        "GET /api/v1/conversations/{conversation}/messages",
        "GET /api/v1/groups/{group}",
        "GET /api/v1/groups/{group}/members",
        "GET /api/v1/nodes",
        "GET /api/v1/users/{user}",
        "GET /api/v1/users/{user}/conversations",
        "GET /healthz",
        "GET /metrics",
        "GET /readyz",
        "POST /api/v1/groups/{group}/members",
        "POST /api/v1/messages",
        "PUT /api/v1/groups/{group}",
        "PUT /api/v1/groups/{group}/members/{user}",
    ];
    assert_eq!(routes, expected);
}

#[tokio::test]
async fn what_is_answered_is_as_described() {
    for keeps in [true, false] {
        let setup = Setup::of(1);
        let setup = if keeps { setup } else { setup.keeping_nothing() };
        let cluster = setup.start().await;
        let http = cluster.http(0);
        let description = http.get("/openapi.json").await.json();
        let _two = cluster.client(0, "2?device=web").await;
        let list = json!({"from": "1", "to": {"users": ["2", "3"]}, "content": {"a": [1]}, "id": "l"});
        let message = json!({"from": "1", "to": {"user": "2"}, "content": {"a": [1]}, "id": "m"});
        let members = json!({"members": ["2", "3"]});
        let calls = [
            ("POST", "/api/v1/messages", "/api/v1/messages", Some(&message)),
            ("POST", "/api/v1/messages", "/api/v1/messages", Some(&message)),
            ("POST", "/api/v1/messages", "/api/v1/messages", Some(&list)),
            ("PUT", "/api/v1/groups/{group}", "/api/v1/groups/g1", Some(&members)),
            ("POST", "/api/v1/groups/{group}/members", "/api/v1/groups/g1/members", Some(&members)),
            ("GET", "/api/v1/groups/{group}", "/api/v1/groups/g1", None),
            ("GET", "/api/v1/groups/{group}", "/api/v1/groups/everyone", None),
            ("GET", "/api/v1/groups/{group}/members", "/api/v1/groups/g1/members", None),
            (
                "GET",
                "/api/v1/conversations/{conversation}/messages",
                "/api/v1/conversations/d:1:2/messages",
                None,
            ),
            ("GET", "/api/v1/users/{user}/conversations", "/api/v1/users/2/conversations?limit=1", None),
            ("GET", "/api/v1/users/{user}", "/api/v1/users/2", None),
            ("GET", "/api/v1/nodes", "/api/v1/nodes", None),
            ("GET", "/healthz", "/healthz", None),
            ("GET", "/readyz", "/readyz", None),
        ];
        for (method, route, path, body) in calls {
            let answer = http.request(method, path, body).await;
            let operation = &description["paths"][route][method.to_lowercase()];
            let described = &operation["responses"][answer.status.to_string()];
            let schema = &described["content"]["application/json"]["schema"];
            assert!(!schema.is_null(), "{method} {path}: {} is not described", answer.status);
            let checked = check(&description, schema, &answer.json(), true);
            assert_eq!(checked, Ok(()), "{method} {path}");
            if let Some(body) = body {
                let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
                assert_eq!(check(&description, schema, body, true), Ok(()), "the body of {method} {path}");
            }
        }
    }
}
