//! What lies over the file: variables, flags, and the seams' own flags.

use super::*;
use crate::config::backend::{RegistryBackend, StoreBackend};

#[test]
fn a_flag_wins_over_a_variable_and_a_variable_over_the_file() {
    let file = || Case::node("ws: { port: 1, name: a }\n");
    assert_eq!(file().variable("TRUNKLINE__WS__PORT", "2").holds().config.ws.port.0, 2);
    let both = file().variable("TRUNKLINE__WS__PORT", "2").set("ws.port=3").holds().config;
    assert_eq!((both.ws.port.0, both.ws.name.0.as_str()), (3, "a"), "what is not named stays");
}

#[test]
fn a_key_of_the_top_level_and_lists_can_be_given() {
    let case = Case::node("")
        .variable("TRUNKLINE__START_WAIT", "5s")
        .variable("TRUNKLINE__WS__ORIGINS", "https://a.example, https://b.example")
        .set("ws.trusted_proxies=[10.0.0.1, 10.1.0.0/16]");
    let config = case.holds().config;
    assert_eq!(config.top.start_wait.0.as_secs(), 5);
    assert_eq!(config.ws.origins.len(), 2);
    assert_eq!(config.ws.trusted_proxies.unwrap().len(), 2);
}

#[test]
fn a_seams_url_and_its_settings_come_from_different_layers() {
    let mut case = Case::node("directory: { url: redis://h, lease: 60s }\nbus: rocketmq://h\nstore: none\n")
        .set("directory.renew=2s");
    case.request.flags.directory = Some(Secret::new("memory"));
    let config = case.holds().config;
    assert!(!config.backends.directory.is_shared());
    assert_eq!((config.directory.lease.0.as_secs(), config.directory.renew.0.as_secs()), (60, 2));
}

#[test]
fn the_four_flags_set_the_four_urls() {
    let mut case = Case::node("");
    case.request.flags.registry = Some(Secret::new("fixed:trunkline=127.0.0.1:1"));
    case.request.flags.store = Some(Secret::new("none"));
    let backends = case.holds().config.backends;
    assert!(matches!(backends.registry, RegistryBackend::Fixed(_)));
    assert_eq!(backends.store, StoreBackend::None);
}

#[test]
fn one_item_of_a_list_can_be_changed() {
    let text = "registry: nacos://h\nspring.cloud.gateway.routes:\n- { id: a, uri: \"lb:ws://s\", predicates: [Path=/a] }\n- { id: b, uri: \"lb:ws://s\", predicates: [Path=/b] }\n";
    let routes = Case::gateway(text)
        .set("spring.cloud.gateway.routes[1].uri=ws://127.0.0.1:9")
        .holds()
        .config
        .routes
        .routes;
    assert_eq!((routes[0].uri.as_str(), routes[1].uri.as_str()), ("lb:ws://s", "ws://127.0.0.1:9"));
}

#[test]
fn an_error_names_the_variable_or_the_flag() {
    let wrong = |case: Case| case.wrong().join("\n");
    assert_eq!(
        wrong(Case::node("").variable("TRUNKLINE__WS__PORT", "x")),
        "TRUNKLINE__WS__PORT: ws.port: \"x\" is not a port (1 to 65535)"
    );
    assert_eq!(
        wrong(Case::node("").variable("TRUNKLINE__WS__PROT", "1")),
        "TRUNKLINE__WS__PROT: ws.prot: unknown key; did you mean `ws.port`?"
    );
    assert_eq!(
        wrong(Case::node("").set("ws.port=x")),
        "--set ws.port: ws.port: \"x\" is not a port (1 to 65535)"
    );
    assert_eq!(
        wrong(Case::node("").set("ws.port")),
        "--set takes KEY=VALUE, such as --set limits.sends_per_second=0"
    );
    assert_eq!(wrong(Case::node("").set("ws..port=1")), "--set ws..port: is not the name of a setting");
    assert_eq!(
        wrong(Case::node("").variable("TRUNKLINE__LIMIT__SENDS_BURST", "1")),
        "TRUNKLINE__LIMIT__SENDS_BURST: limit.sends_burst: there is no section `limit`; did you mean `limits`?"
    );
    assert_eq!(
        wrong(Case::node("").set("shop.name=x")),
        "--set shop.name: shop.name: there is no section `shop`"
    );
    assert_eq!(wrong(Case::node("shop.name: y\n").set("shop.name=x")), "", "a placeholder may read it");
    let mut case = Case::node("");
    case.request.flags.bus = Some(Secret::new("kafka://h"));
    assert_eq!(
        wrong(case),
        "--bus: bus: unknown scheme `kafka:`; write memory, amqp://HOST:5672 or rocketmq://HOST:9876"
    );
}
