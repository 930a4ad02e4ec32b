//! The forms in which the same settings may be written.

use std::time::Duration;

use super::*;
use crate::config::scalar::span_text;

#[test]
fn a_file_without_a_word_is_a_node_on_loopback() {
    let config = Case::node("").holds().config;
    assert_eq!(config.ws.port.0, 19998);
    assert!(config.ws.host.0.is_loopback());
    assert_eq!(config.node.name.unwrap().0.as_str(), "machine-1-example");
    assert_eq!(config.groups.client_join, Some(true), "development mode lets clients join");
}

#[test]
fn nested_dotted_and_mixed_keys_are_the_same() {
    for text in [
        "ws:\n  port: 7\n  name: a\n",
        "ws.port: 7\nws.name: a\n",
        "ws.port: 7\nws: { name: a }\n",
        "ws: { name: a }\nws.port: 7\n",
    ] {
        let config = Case::node(text).holds().config;
        assert_eq!((config.ws.port.0, config.ws.name.0.as_str()), (7, "a"), "{text}");
    }
}

#[test]
fn a_number_may_stand_in_quotes_and_behind_a_byte_order_mark() {
    let config = Case::node("\u{feff}ws: { port: \"7\", path: '/a' }\n").holds().config;
    assert_eq!((config.ws.port.0, config.ws.path.0.as_str()), (7, "/a"));
}

#[test]
fn spans_and_sizes_are_read_in_all_their_units() {
    let text = "limits: { hello_timeout: 1h30m, write_timeout: 500ms, ping_every: 2d, pong_timeout: 0, send_queue_bytes_max: 64KiB, page_bytes_max: \"1000\" }";
    let limits = Case::node(text).holds().config.limits;
    assert_eq!(limits.hello_timeout.0, Duration::from_secs(5400));
    assert_eq!(limits.write_timeout.0, Duration::from_millis(500));
    assert_eq!(limits.ping_every.0, Duration::from_secs(2 * 86_400));
    assert_eq!(limits.pong_timeout.0, Duration::ZERO);
    assert_eq!((limits.send_queue_bytes_max.0, limits.page_bytes_max.0), (65_536, 1_000));
    assert_eq!(span_text(Duration::from_millis(1_500)), "1500ms");
}

#[test]
fn zero_switches_a_limit_off() {
    let limits = Case::node("limits: { write_timeout: 0, sends_burst: 0, sends_per_second: 0, send_queue_bytes_max: 0, drain_notice: 0 }")
        .holds()
        .config
        .limits
        .to_wire();
    assert!(limits.write_timeout > Duration::from_secs(86_400 * 365));
    assert!(limits.sends_burst > 1_000_000 && limits.send_queue_bytes_max > 100_000_000);
    assert_eq!(limits.sends_per_second, 0, "where 0 is off by itself");
    assert_eq!(limits.drain_notice, Duration::ZERO, "a drain without notice, and not one that never begins");
}

#[test]
fn the_defaults_are_those_of_the_words_crate() {
    assert_eq!(Case::node("").holds().config.limits.to_wire(), wire::limits::Limits::default());
}

#[test]
fn a_seam_is_a_url_or_a_map_with_url_and_settings() {
    let short = Case::node("directory: memory\nstore: \"memory:\"\n").holds().config;
    let long = Case::node("directory: { url: memory, lease: 30s }\nstore: { url: memory }\n").holds().config;
    assert_eq!(short.backends, long.backends);
    assert_eq!(long.directory.lease.0, Duration::from_secs(30));
}

#[test]
fn merge_keys_and_aliases_are_followed() {
    let text = "x-common: &common { lease: 30s, renew: 4s }\ndirectory:\n  <<: *common\n  renew: 3s\n";
    let loaded = Case::node(text).holds();
    assert_eq!(span_text(loaded.config.directory.lease.0), "30s");
    assert_eq!(span_text(loaded.config.directory.renew.0), "3s", "what the map says itself wins");
    assert_eq!(loaded.ignored, ["x-common"]);
}

#[test]
fn documents_are_laid_over_each_other_except_those_for_a_profile() {
    let text = "ws: { port: 7, name: a }\n---\nspring.config.activate.on-profile: dev\nws.port: 8\n---\nws.name: b\n";
    let loaded = Case::node(text).holds();
    assert_eq!((loaded.config.ws.port.0, loaded.config.ws.name.0.as_str()), (7, "b"));
    let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert!(
        warnings[0].ends_with(
            "trunkline.yml:3:36: the document for the profile `dev` is not read; Trunkline has no profiles"
        ),
        "{warnings:?}"
    );
}

#[test]
fn bombs_of_aliases_and_of_brackets_end_in_an_error() {
    let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (name, inner) in ["b", "c", "d", "e", "f", "g", "h"].iter().zip(["a", "b", "c", "d", "e", "f", "g"]) {
        bomb.push_str(&format!("{name}: &{name} [*{inner},*{inner},*{inner},*{inner},*{inner},*{inner},*{inner},*{inner},*{inner}]\n"));
    }
    assert!(
        Case::node(&bomb).wrong()[0].contains("aliases produce more than"),
        "{:?}",
        Case::node(&bomb).wrong()
    );
    let brackets = format!("a: {}", "[".repeat(100_000));
    assert_eq!(Case::node(&brackets).wrong().len(), 1);
}

#[test]
fn keys_of_others_are_listed_and_not_judged() {
    let text = "app.api-prefix: /api\nserver: { port: 8080 }\nlogging.level: { com.example: debug, com.example.Foo: info }\nmanagement: {}\n";
    assert_eq!(Case::node(text).holds().ignored, ["app", "server", "logging", "management"]);
}

#[test]
fn keys_are_read_from_files_beside_the_configuration_and_lose_one_newline() {
    let text = "api: { keys: [\"file:api-key\", \"base64:aGVsbG8=\", plain] }\nauth: { keys: [{ algorithm: HS256, key: \"file:jwt\", kid: k1 }] }\n";
    let secret = "0123456789abcdef0123456789abcdef";
    let config =
        Case::node(text).file("api-key", "one\n\n").file("jwt", &format!("{secret}\n")).holds().config;
    let keys: Vec<_> = config.api_keys.iter().map(|key| key.expose_text().unwrap()).collect();
    assert_eq!(keys, ["one\n", "hello", "plain"]);
    assert_eq!(config.token_keys[0].key.expose(), secret.as_bytes());
    assert_eq!(config.token_keys[0].kid.as_deref(), Some("k1"));
    assert!(!config.is_development());
    assert!(!format!("{config:?}").contains("0123456789abcdef"), "Debug hides keys");
}

#[test]
fn a_proxy_that_checks_the_login_is_enough() {
    let text = "ws: { host: 0.0.0.0, trusted_proxies: [10.0.0.7] }\nnode: { advertise: 10.0.0.5 }\nauth: { user_header: X-User-Id }\n";
    let config = Case::node(text).holds().config;
    assert!(!config.is_development());
    assert_eq!(config.groups.client_join, Some(false));
    let open = Case::node("ws: { host: 0.0.0.0 }\nnode: { advertise: 10.0.0.5 }\n").insecure().holds();
    assert!(open.config.is_development());
    assert!(open.warnings[0].message.contains("--insecure"));
}
