//! Files of Spring applications, as they are found in the wild.

use super::*;
use crate::config::backend::{BusBackend, DirectoryBackend, RegistryBackend};

fn lines(read: &ReadRoutes) -> Vec<String> {
    let words = |named: &gateway::route::Named| {
        let args: Vec<_> = named.args.iter().map(|(key, value)| format!("{key}={value}")).collect();
        format!("{}({})", named.name, args.join(", "))
    };
    let join = |list: &[gateway::route::Named]| list.iter().map(words).collect::<Vec<_>>().join(" ");
    let spec = &read.spec;
    let mut lines: Vec<_> = spec
        .routes
        .iter()
        .map(|route| {
            format!(
                "{} {} {} | {} | {}",
                route.id,
                route.uri,
                route.order,
                join(&route.predicates),
                join(&route.filters)
            )
        })
        .collect();
    if !spec.default_filters.is_empty() {
        lines.push(format!("default | {}", join(&spec.default_filters)));
    }
    lines
}

#[test]
fn the_java_services_own_file_works_with_a_few_keys_beside_it() {
    let text = r#"
server:
  port: 8081
ws:
  name: "websocket-demo"
  path: "/ws"
  port: "19998"
  host: 0.0.0.0
  dialect: classic
store: none
node_name: ${NODE_NAME:node-1}
node.name: ${node_name}
spring:
  application:
    name: websocket-demo-starter
  cloud:
    nacos:
      discovery:
        server-addr: 10.0.0.2:8848
        namespace: ws-namespace
        ip: 10.0.0.5
        username: nacos
        password: hidden
  redis:
    host: 10.0.0.3
    port: 6380
    password: hidden
    database: 3
rocketmq:
  name-server: 10.0.0.4:9876;10.0.0.14:9876
  producer:
    group: demo
"#;
    let loaded = Case::node(text).insecure().holds();
    let config = &loaded.config;
    assert_eq!(
        (config.ws.name.0.as_str(), config.ws.path.0.as_str(), config.ws.port.0),
        ("websocket-demo", "/ws", 19998)
    );
    assert_eq!(config.node.name.as_ref().unwrap().0.as_str(), "node-1");
    assert_eq!(config.node.advertise.as_ref().unwrap().0.to_string(), "10.0.0.5");
    let RegistryBackend::Nacos(nacos) = &config.backends.registry else { panic!() };
    assert_eq!(
        (nacos.servers[0].to_string().as_str(), nacos.namespace.as_str(), nacos.user.as_deref()),
        ("10.0.0.2:8848", "ws-namespace", Some("nacos"))
    );
    let DirectoryBackend::Redis(redis) = &config.backends.directory else { panic!() };
    assert_eq!((redis.server.to_string().as_str(), redis.database), ("10.0.0.3:6380", 3));
    let BusBackend::RocketMq(rocketmq) = &config.backends.bus else { panic!() };
    assert_eq!(rocketmq.name_servers.len(), 2);
    assert!(!format!("{config:?}").contains("hidden"));
    assert_eq!(loaded.ignored, ["server", "node_name"]);
}

#[test]
fn our_own_urls_win_over_springs() {
    let text = "registry: nacos://ours\nspring.cloud.nacos.discovery.server-addr: theirs\ndirectory: redis://ours\nspring.data.redis.host: theirs\nbus: rocketmq://ours\nrocketmq.name-server: theirs\nstore: none\n";
    let backends = format!("{:?}", Case::node(text).holds().config.backends);
    assert!(!backends.contains("theirs"), "{backends}");
}

#[test]
fn the_articles_route_is_read_unchanged() {
    let text = r"
spring:
  cloud:
    nacos:
      server-addr: ${NACOS:127.0.0.1:8848}
    gateway:
      enabled: true
      routes:
        - id: wsRouter
          uri: lb:ws://websocket-demo
          predicates:
            - Path=/websocket-demo/**
          filters:
            - StripPrefix=1
";
    let read = Case::gateway(text).routes();
    assert_eq!(
        lines(&read),
        ["wsRouter lb:ws://websocket-demo 0 | Path(_genkey_0=/websocket-demo/**) | StripPrefix(_genkey_0=1)"]
    );
    assert_eq!(read.spec.enabled, Some(true));
    let at = &read.spec.routes[0].at;
    assert!(at.ends_with("trunkline.yml:9:11"), "{at}");
    assert!(read.unread.is_empty() && read.warnings.is_empty());
    let loaded = Case::gateway(text).holds();
    assert_eq!(loaded.config.routes.routes[0].predicates[0].args, read.spec.routes[0].predicates[0].args);
    assert!(matches!(loaded.config.backends.registry, RegistryBackend::Nacos(_)));
}

#[test]
fn several_patterns_rewrites_and_sibling_routes_are_read() {
    let text = r"
spring:
  cloud:
    nacos: { discovery: { server-addr: nacos } }
    gateway:
      discovery: { locator: { enabled: true } }
      globalcors: { cors-configurations: { '[/**]': { allowedOrigins: '*' } } }
      default-filters:
        - DedupeResponseHeader=Access-Control-Allow-Origin, RETAIN_UNIQUE
      routes:
        - id: jeecg-websocket
          uri: lb:ws://jeecg-system
          predicates:
            - Path=/websocket/**,/eoaSocket/**, /newsWebsocket/**
        - id: sockjs
          uri: lb://chat
          order: -1
          predicates: [ 'Path=/chat/info/**' ]
          filters:
            - RewritePath=/chat/(?<segment>.*), /$\{segment}
            - PreserveHostHeader
";
    let read = Case::gateway(text).routes();
    assert_eq!(
        lines(&read),
        [
            "jeecg-websocket lb:ws://jeecg-system 0 | Path(_genkey_0=/websocket/**, _genkey_1=/eoaSocket/**, _genkey_2=/newsWebsocket/**) | ",
            "sockjs lb://chat -1 | Path(_genkey_0=/chat/info/**) | RewritePath(_genkey_0=/chat/(?<segment>.*), _genkey_1=/$\\{segment}) PreserveHostHeader()",
            "default | DedupeResponseHeader(_genkey_0=Access-Control-Allow-Origin, _genkey_1=RETAIN_UNIQUE)",
        ]
    );
    let unread: Vec<_> = read.unread.iter().filter_map(|problem| problem.key.clone()).collect();
    assert_eq!(unread, ["spring.cloud.gateway.discovery", "spring.cloud.gateway.globalcors"]);
}

#[test]
fn the_expanded_form_and_its_maps_are_read() {
    let text = r#"
registry: nacos://h
spring.cloud.gateway.routes:
  - id: a
    uri: ws://10.0.0.1:9000
    metadata: { connect-timeout: 200, nested: { key: v } }
    predicates:
      - name: Path
        args: { patterns: [ /a/**, /b/** ], matchTrailingSlash: "false" }
      - name: Path
        args: { _genkey_0: /c/** }
    filters:
      - name: StripPrefix
        args: { parts: 2 }
"#;
    let read = Case::gateway(text).routes();
    assert_eq!(
        lines(&read),
        [
            "a ws://10.0.0.1:9000 0 | Path(patterns.0=/a/**, patterns.1=/b/**, matchTrailingSlash=false) Path(_genkey_0=/c/**) | StripPrefix(parts=2)"
        ]
    );
    let metadata = &read.spec.routes[0].metadata;
    assert_eq!(metadata[1], ("nested.key".to_owned(), "v".to_owned()));
}

#[test]
fn the_json_of_dynamic_routes_is_yaml_too() {
    let text = r#"{"registry":"nacos://h","spring":{"cloud":{"gateway":{"routes":[{"id":"r","uri":"lb:ws://s","predicates":[{"name":"Path","args":{"_genkey_0":"/s/**"}}],"filters":[{"name":"StripPrefix","args":{"_genkey_0":"1"}}]}]}}}}"#;
    assert_eq!(
        lines(&Case::gateway(text).routes()),
        ["r lb:ws://s 0 | Path(_genkey_0=/s/**) | StripPrefix(_genkey_0=1)"]
    );
}

#[test]
fn indexed_properties_and_relaxed_names_are_read() {
    let text = "
registry: nacos://h
spring.cloud.gateway.routes[0].id: a
spring.cloud.gateway.routes[0].uri: lb:ws://s
spring.cloud.gateway.routes[0].predicates[0]: Path=/a/**
spring.cloud.gateway.routes[1].id: b
spring.cloud.gateway.routes[1].uri: lb:ws://s
spring.cloud.gateway.routes[1].predicates[0]: Path=/b/**
spring.cloud.gateway.defaultFilters[0]: StripPrefix=1
";
    assert_eq!(
        lines(&Case::gateway(text).routes()),
        [
            "a lb:ws://s 0 | Path(_genkey_0=/a/**) | ",
            "b lb:ws://s 0 | Path(_genkey_0=/b/**) | ",
            "default | StripPrefix(_genkey_0=1)"
        ]
    );
}

#[test]
fn the_newer_prefix_wins_key_by_key_and_says_so() {
    let text = r"
registry: nacos://h
spring.cloud.gateway:
  default-filters: [ StripPrefix=1 ]
  routes:
    - { id: old, uri: 'lb:ws://s', predicates: [ Path=/old ] }
  server.webflux:
    routes:
      - { id: new, uri: 'lb:ws://s', predicates: [ Path=/new ] }
";
    let read = Case::gateway(text).routes();
    assert_eq!(
        lines(&read),
        ["new lb:ws://s 0 | Path(_genkey_0=/new) | ", "default | StripPrefix(_genkey_0=1)"]
    );
    let warning = read.warnings[0].to_string();
    assert!(
        warning.ends_with("spring.cloud.gateway.routes: is not read, because spring.cloud.gateway.server.webflux.routes is there too"),
        "{warning}"
    );
}

#[test]
fn one_line_routes_disabled_routes_and_routes_without_id_are_read() {
    let text = r"
registry: nacos://h
spring.cloud.gateway.routes:
  - line=lb:ws://s,Path=/a/**,Path=/b/**
  - { id: off, uri: 'lb:ws://s', enabled: false, predicates: [ Path=/off ] }
  - { uri: 'lb:ws://s', predicates: [ Path=/c ] }
";
    assert_eq!(
        lines(&Case::gateway(text).routes()),
        [
            "line lb:ws://s 0 | Path(_genkey_0=/a/**) Path(_genkey_0=/b/**) | ",
            "route-3 lb:ws://s 0 | Path(_genkey_0=/c) | "
        ]
    );
}

#[test]
fn what_a_file_imports_is_warned_of() {
    let text = "registry: nacos://h\nspring.config.import: nacos:app.yml\nspring.cloud.nacos.config: { server-addr: h, file-extension: yaml }\nspring.profiles.active: dev\n";
    let keys: Vec<_> =
        Case::gateway(text).holds().warnings.iter().filter_map(|warning| warning.key.clone()).collect();
    let first = Case::gateway(text).holds().warnings[0].message.clone();
    assert_eq!(first, "nacos:app.yml is not read; what matters of it must stand in this file");
    assert_eq!(keys, ["spring.config.import", "spring.cloud.nacos.config", "spring.profiles.active"]);
}

#[test]
fn an_address_whose_variable_is_not_set_is_named() {
    let wrong = |text: &str| Case::gateway(text).wrong().join("\n");
    assert_eq!(
        wrong("spring.cloud.nacos.discovery.server-addr: ${NACOS_ADDR}\n"),
        "trunkline.yml:1:43: spring.cloud.nacos.discovery.server-addr: ${NACOS_ADDR} is not set and has no default"
    );
}

#[test]
fn what_the_gateway_does_not_know_is_an_error_with_its_line() {
    let text = "registry: nacos://h\nspring.cloud.gateway.routes:\n- id: a\n  uri: lb:ws//s\n  predicates: [ Path=/a, After=x ]\n  filters: [ PreserveHostHeader ]\n";
    let wrong = Case::gateway(text).wrong();
    assert_eq!(wrong.len(), 3, "{wrong:#?}");
    assert!(
        wrong.iter().all(|line| line.starts_with("trunkline.yml:") && line.contains("route `a`")),
        "{wrong:#?}"
    );
}
