//! Every way to get a file wrong that somebody will find, with the line that he reads.

use super::*;

/// Role, file, and the lines; `{H}` is a key of 32 bytes.
#[rustfmt::skip] // A case is a line.
const TABLE: &[(Role, &str, &[&str])] = &[
    // Values that are not of their kind.
    (Role::Node, "ws:\n  port: 90000000\n", &["trunkline.yml:2:9: ws.port: \"90000000\" is not a port (1 to 65535)"]),
    (Role::Node, "ws: { port: 0 }\n", &["trunkline.yml:1:13: ws.port: \"0\" is not a port (1 to 65535)"]),
    (Role::Node, "ws: { port: [1, 2] }\n", &["trunkline.yml:1:13: ws.port: a list stands where a port (1 to 65535) is expected"]),
    (Role::Node, "ws: 19998\n", &["trunkline.yml:1:5: ws: a map of settings is expected here"]),
    (Role::Node, "ws: { host: example.com }\n", &["trunkline.yml:1:13: ws.host: \"example.com\" is not an IP address to listen at (such as 127.0.0.1 or 0.0.0.0)"]),
    (Role::Node, "ws: { path: ws }\n", &["trunkline.yml:1:13: ws.path: \"ws\" is not a path (such as /ws; no ? # * { or % and no / at its end)"]),
    (Role::Node, "ws: { devices: per_devise }\n", &["trunkline.yml:1:16: ws.devices: \"per_devise\" is not single, per_device or many"]),
    (Role::Node, "ws: { origins: [\"https://app.example/chat\"] }\n", &["trunkline.yml:1:17: ws.origins[0]: \"https://app.example/chat\" is not an origin (such as https://app.example or http://localhost:3000, without a path)"]),
    (Role::Node, "ws: { trusted_proxies: [10.0.0.0/33] }\n", &["trunkline.yml:1:25: ws.trusted_proxies[0]: \"10.0.0.0/33\" is not a network (such as 10.0.0.0/8, or one address)"]),
    (Role::Node, "node: { name: \"node 1\" }\n", &["trunkline.yml:1:15: node.name: \"node 1\" is not a node name (1 to 64 letters, digits, - and _)"]),
    (Role::Node, "node: { advertise: \"10.0.0.5:19998\" }\n", &["trunkline.yml:1:20: node.advertise: \"10.0.0.5:19998\" is not an IP address that others can connect to, without a port"]),
    (Role::Node, "limits: { hello_timeout: 10 }\n", &["trunkline.yml:1:26: limits.hello_timeout: \"10\" is not a duration (such as 10s, 5m, 1h30m or 500ms)"]),
    (Role::Node, "limits: { send_queue_bytes_max: 1MB }\n", &["trunkline.yml:1:33: limits.send_queue_bytes_max: \"1MB\" is not a size (bytes, or such as 64KiB or 1MiB)"]),
    (Role::Node, "limits: { sends_per_second: -1 }\n", &["trunkline.yml:1:29: limits.sends_per_second: \"-1\" is not a whole number (0 to 4294967295)"]),
    (Role::Node, "groups: { client_join: maybe }\n", &["trunkline.yml:1:24: groups.client_join: \"maybe\" is not true or false"]),
    (Role::Node, "log: { level: loud }\n", &["trunkline.yml:1:15: log.level: \"loud\" is not error, warn, info, debug or trace"]),
    (Role::Node, "start_wait: soon\n", &["trunkline.yml:1:13: start_wait: \"soon\" is not a duration (such as 10s, 5m, 1h30m or 500ms)"]),
    // Keys that nobody reads.
    (Role::Node, "ws: { prot: 1 }\n", &["trunkline.yml:1:7: ws.prot: unknown key; did you mean `ws.port`?"]),
    (Role::Node, "ws: { frame_bytes_max: 1 }\n", &["trunkline.yml:1:7: ws.frame_bytes_max: unknown key; did you mean `limits.frame_bytes_max`?"]),
    (Role::Node, "ws: { client-join: true }\n", &["trunkline.yml:1:7: ws.client-join: unknown key; known under `ws` are name, path, host, port, dialect, devices, origins, trusted_proxies, classic_group, classic_errors, classic_note"]),
    (Role::Node, "groups: { client-join: true }\n", &["trunkline.yml:1:11: groups.client-join: unknown key; did you mean `groups.client_join`?"]),
    (Role::Node, "direktory: memory\n", &["trunkline.yml:1:1: direktory: unknown key; did you mean `directory`?"]),
    (Role::Node, "nodes: { name: a }\n", &["trunkline.yml:1:1: nodes: unknown key; did you mean `node`?"]),
    (Role::Node, "start-wait: 5s\n", &["trunkline.yml:1:1: start-wait: unknown key; did you mean `start_wait`?"]),
    (Role::Node, "auth: { jwks: \"https://a/jwks\" }\n", &["trunkline.yml:1:9: auth.jwks: not supported yet; put the public key into auth.keys: [{ algorithm: RS256, key: \"file:key.pem\" }]"]),
    (Role::Node, "store: { url: memory, keep: 30d }\n", &["trunkline.yml:1:23: store.keep: not supported yet; everything is kept"]),
    (Role::Node, "api: { register: true }\n", &["trunkline.yml:1:8: api.register: not supported yet"]),
    (Role::Node, "tls: { cert: a }\n", &["trunkline.yml:1:1: tls: not supported yet; let a proxy in front do TLS"]),
    // Back ends.
    (Role::Node, "registry: zookeeper://h\n", &["trunkline.yml:1:11: registry: unknown scheme `zookeeper:`; write memory, fixed:SERVICE=IP:PORT,... or nacos://HOST:8848"]),
    (Role::Node, "registry: redis://h\n", &["trunkline.yml:1:11: registry: redis: is not supported yet; write memory, fixed:SERVICE=IP:PORT,... or nacos://HOST:8848"]),
    (Role::Node, "registry: nacos://h?name_space=x\n", &["trunkline.yml:1:11: registry: unknown parameter `name_space`; known are namespace, group, cluster"]),
    (Role::Node, "registry: nacos://nacos@h\n", &["trunkline.yml:1:11: registry: user and password go together: nacos://USER:PASSWORD@HOST"]),
    (Role::Node, "registry: \"fixed:10.0.0.5:19998\"\n", &["trunkline.yml:1:11: registry: the list begins with no service; write fixed:SERVICE=IP:PORT,IP:PORT"]),
    (Role::Node, "registry: fixed:a=host:1\n", &["trunkline.yml:1:11: registry: `host:1` is not IP:PORT; write fixed:SERVICE=IP:PORT,IP:PORT"]),
    (Role::Node, "directory: redis://u:hidden/half@h\n", &["trunkline.yml:1:12: directory: an @ stands behind the hosts; percent-encode / ? # and @ in user and password"]),
    (Role::Node, "directory: redis://:hidden@h:port\n", &["trunkline.yml:1:12: directory: a port is not a number from 1 to 65535"]),
    (Role::Node, "directory: redis://h/two\n", &["trunkline.yml:1:12: directory: the path is not the number of a database, such as redis://HOST/2"]),
    (Role::Node, "directory: redis://a,b\n", &["trunkline.yml:1:12: directory: several hosts (Redis Cluster, Sentinel) are not supported yet; write one"]),
    (Role::Node, "directory: redis:h\n", &["trunkline.yml:1:12: directory: // is missing behind the scheme"]),
    (Role::Node, "bus: amqps://h\n", &["trunkline.yml:1:6: bus: amqps: is not supported yet; write memory, amqp://HOST:5672 or rocketmq://HOST:9876"]),
    (Role::Node, "bus: amqp://user@h\n", &["trunkline.yml:1:6: bus: user and password go together: amqp://USER:PASSWORD@HOST"]),
    (Role::Node, "bus: amqp://h/a/b\n", &["trunkline.yml:1:6: bus: one virtual host is expected behind the hosts; percent-encode a / in its name"]),
    (Role::Node, "bus: amqp://h?prefix=amq.x\n", &["trunkline.yml:1:6: bus: parameter `prefix` is no beginning of a name (letters, digits, - _ ., not amq.)"]),
    (Role::Node, "bus: amqp://h?copy=trunkline.node.a\n", &["trunkline.yml:1:6: bus: parameter `copy` is not the name of a queue, or begins with amq. or trunkline."]),
    (Role::Node, "bus: rocketmq://h?create=maybe\n", &["trunkline.yml:1:6: bus: parameter `create` is not true or false"]),
    (Role::Node, "bus: rocketmq://h?single=A&group=A\n", &["trunkline.yml:1:6: bus: single, group, control and copy must be different topics"]),
    (Role::Node, "store: mysql://u:hidden@h/d\n", &["trunkline.yml:1:8: store: mysql: is not supported yet; write postgres://USER:PASSWORD@HOST/DATABASE, sqlite:FILE, memory or none"]),
    (Role::Node, "store: postgres://h/d\n", &["trunkline.yml:1:8: store: a user is missing: postgres://USER:PASSWORD@HOST/DATABASE"]),
    (Role::Node, "store: postgres://u:hidden@h/d?sslmode=require\n", &["trunkline.yml:1:8: store: TLS is not supported yet; write sslmode=disable, or leave it out"]),
    (Role::Node, "store: postgres://u:hidden@h/d?pool=3\n", &["trunkline.yml:1:8: store: unknown parameter `pool`; known are sslmode"]),
    (Role::Node, "store: postgres://u:hidden@h/d/e\n", &["trunkline.yml:1:8: store: one name of a database is expected behind the hosts"]),
    (Role::Node, "store: \"sqlite:\"\n", &["trunkline.yml:1:8: store: a file is missing: sqlite:FILE"]),
    (Role::Node, "store: hidden\n", &["trunkline.yml:1:8: store: is no back end; write postgres://USER:PASSWORD@HOST/DATABASE, sqlite:FILE, memory or none"]),
    // Settings that do not go together.
    (Role::Node, "directory: { lease: 10s }\n", &["trunkline.yml:1:21: directory.lease: 10s is shorter than three renewals of 5s; set at least 15s, or a smaller directory.renew"]),
    (Role::Node, "directory: { renew: 0 }\n", &["trunkline.yml:1:21: directory.renew: 0 would never renew a lease; set 5s, or a third of directory.lease"]),
    (Role::Node, "node: { advertise: 10.0.0.5 }\n", &["trunkline.yml:1:20: node.advertise: nobody reaches 10.0.0.5 while ws.host is 127.0.0.1; set ws.host: 0.0.0.0, or leave node.advertise out"]),
    (Role::Node, "registry: nacos://h\n", &["directory: is memory, but the registry is shared: nodes would not find each other's users; set directory: redis://HOST:6379"]),
    (Role::Node, "registry: fixed:trunkline=10.0.0.1:1,10.0.0.2:1\n", &["directory: is memory, but the registry is shared: nodes would not find each other's users; set directory: redis://HOST:6379"]),
    (Role::Node, "registry: nacos://h\ndirectory: redis://h\nstore: none\n", &["bus: is memory, but the directory is shared: nodes would not reach each other; set bus: amqp://HOST:5672 or rocketmq://HOST:9876"]),
    (Role::Up, "directory: redis://h\n", &["bus: is memory, but the directory is shared: nodes would not reach each other; set bus: amqp://HOST:5672 or rocketmq://HOST:9876"]),
    (Role::Node, "directory: redis://h\nbus: rocketmq://h\n", &["store: nodes that share a directory cannot share an SQLite file; set store: postgres://USER:PASSWORD@HOST/DATABASE, or none (nothing is kept), or name the file where this is the only node"]),
    (Role::Node, "store: none\nws: { classic_group: members }\n", &["trunkline.yml:2:22: ws.classic_group: members are kept in the store, and store is none; set a store, or ws.classic_group: everyone"]),
    (Role::Node, "ws: { host: 0.0.0.0 }\nnode: { advertise: 10.0.0.5 }\n", &["auth.keys: there is none, so anybody who reaches 0.0.0.0 could be any user; set auth.keys or auth.user_header, or ws.host: 127.0.0.1, or start with --insecure"]),
    (Role::Node, "auth: { user_header: X-User-Id }\n", &["trunkline.yml:1:22: auth.user_header: whoever may set X-User-Id is any user; say in ws.trusted_proxies whom to believe it, such as [10.0.0.7]"]),
    (Role::Node, "ws: { trusted_proxies: [10.0.0.7] }\nauth: { user_header: X-User-Id, keys: [{ algorithm: HS256, key: \"{H}\" }] }\n", &["trunkline.yml:2:22: auth.user_header: stands instead of auth.keys; set one of the two"]),
    (Role::Node, "api: { listen: \"127.0.0.1:19998\" }\n", &["trunkline.yml:1:16: api.listen: port 19998 is ws.port too; give it another"]),
    (Role::Node, "limits: { content_bytes_max: 70000 }\n", &["trunkline.yml:1:30: limits.content_bytes_max: 70000 leaves no room for the frame around it; at most 64000"]),
    (Role::Node, "limits: { json_depth_max: 0 }\n", &["trunkline.yml:1:27: limits.json_depth_max: must be at least 3; this limit cannot be switched off"]),
    (Role::Gateway, "gateway: {}\n", &["registry: is memory, where a gateway of its own process finds no node, but without routes it leads to lb:ws://trunkline; set registry: nacos://HOST:8848 or fixed:trunkline=IP:PORT"]),
    (Role::Gateway, "registry: nacos://h\ngateway: { listen: \"0.0.0.0:80\", api: \"127.0.0.1:80\" }\n", &["trunkline.yml:2:39: gateway.api: port 80 is that of gateway.listen too; give it another"]),
    (Role::Gateway, "registry: nacos://h\ngateway: { eject_first: 2m }\n", &["trunkline.yml:2:25: gateway.eject_first: 2m is longer than gateway.eject_max, 1m"]),
    (Role::Gateway, "registry: nacos://h\ngateway: { connect_timeout: 0 }\n", &["trunkline.yml:2:29: gateway.connect_timeout: must be longer than 0"]),
    // Keys of tokens and callers.
    (Role::Node, "auth: { keys: [{ algorithm: HS256, key: short }] }\n", &["trunkline.yml:1:15: auth.keys[0].key: a key for HS256 needs at least 32 bytes, and this has 5; `openssl rand -base64 32` makes one"]),
    (Role::Node, "auth: { keys: [{ algorithm: HS257, key: \"{H}\" }] }\n", &["trunkline.yml:1:29: auth.keys[0].algorithm: \"HS257\" is not HS256, HS384, HS512, RS256, RS512, ES256 or EdDSA"]),
    (Role::Node, "auth: { keys: [{ algorithm: HS256 }] }\n", &["trunkline.yml:1:16: auth.keys[0]: `key` is missing"]),
    (Role::Node, "auth: { keys: [{ algorithm: HS256, kye: x }] }\n", &["trunkline.yml:1:36: auth.keys[0]: unknown key `kye`; did you mean `key`?"]),
    (Role::Node, "auth: { keys: [hidden] }\n", &["trunkline.yml:1:16: auth.keys[0]: text stands where a map with algorithm, key and kid is expected"]),
    (Role::Node, "auth: { keys: [{ algorithm: ES256, key: \"{H}\" }] }\n", &["trunkline.yml:1:15: auth.keys[0].key: this is not a key for ES256; it takes a public key on the curve P-256 (prime256v1) as PEM (-----BEGIN PUBLIC KEY-----)"]),
    (Role::Node, "auth: { keys: [{ algorithm: RS256, key: \"-----BEGIN PRIVATE KEY-----\" }] }\n", &["trunkline.yml:1:15: auth.keys[0].key: this is the private key, and checking needs only the public one: `openssl pkey -in private.pem -pubout` prints it"]),
    (Role::Node, "api: { keys: [\"file:absent\"] }\n", &["trunkline.yml:1:14: api.keys[0]: the file absent cannot be read: No such file or directory (os error 2)"]),
    (Role::Node, "api: { keys: [\"base64:hidden!\"] }\n", &["trunkline.yml:1:14: api.keys[0]: what follows base64: is not Base64"]),
    // YAML and placeholders.
    (Role::Node, "ws:\n  port: 1\n  port: 2\n", &["trunkline.yml:3:3: `port` is given twice, first in line 2"]),
    (Role::Node, "ws:\n  port: 1\nws.port: 2\n", &["trunkline.yml:3:1: `ws.port` is given twice, first in line 2"]),
    (Role::Node, "- ws\n", &["trunkline.yml:1:1: a configuration is a map of settings (`ws: { port: 19998 }`)"]),
    (Role::Node, "ws: { port: ${WS_PORT} }\n", &["trunkline.yml:1:14: not readable as YAML: while parsing a flow mapping, did not find expected ',' or '}'; within { } or [ ] a ${...} needs quotes around it"]),
    (Role::Node, "ws:\n  port: ${WS_PORT}\n", &["trunkline.yml:2:9: ws.port: ${WS_PORT} is not set and has no default (${WS_PORT:default} would give one)"]),
    (Role::Node, "ws:\n  port: ${ws.name}\n  name: ${ws.name}\n", &["trunkline.yml:2:9: ws.port: ${ws.name} leads back to itself", "trunkline.yml:3:9: ws.name: ${ws.name} leads back to itself"]),
    (Role::Node, "ws:\n  name: a${b\n", &["trunkline.yml:2:9: ws.name: a ${ without its }"]),
    // Routes.
    (Role::Gateway, "registry: nacos://h\nspring.cloud.gateway.routes:\n- id: a\n  uri: lb:ws://s\n  predicates: [ Path ]\n", &["trunkline.yml:5:17: spring.cloud.gateway.routes[0].predicates[0]: a predicate is written Name=value, such as Path=/chat/**; an = is missing"]),
    (Role::Gateway, "registry: nacos://h\nspring.cloud.gateway.routes:\n- id: a\n  uri: lb:ws://s\n  predicates:\n  - Path: /chat/**\n", &["trunkline.yml:6:5: spring.cloud.gateway.routes[0].predicates[0]: a predicate is written Path=value, with = and not with :"]),
    (Role::Gateway, "registry: nacos://h\nspring.cloud.gateway.routes:\n- id: a\n  url: lb:ws://s\n  predicates: [ Path=/a ]\n", &["trunkline.yml:4:3: spring.cloud.gateway.routes[0]: unknown key `url` in a route; did you mean `uri`?", "trunkline.yml:3:3: spring.cloud.gateway.routes[0]: route `a` has no uri (such as lb:ws://SERVICE)"]),
    (Role::Gateway, "registry: nacos://h\nspring.cloud.gateway.routes:\n- id: a\n  uri: lb:ws://s\n", &["trunkline.yml:3:3: spring.cloud.gateway.routes[0]: route `a` has no predicate; it needs one at least, such as Path=/a/**"]),
    (Role::Gateway, "registry: nacos://h\nspring.cloud.gateway.routes:\n  id: a\n", &["trunkline.yml:3:3: spring.cloud.gateway.routes: a list is expected here (each item with - before it)"]),
    (Role::Gateway, "registry: nacos://h\nspring.cloud.gateway.routes:\n- id: a\n  uri: lb:ws://s\n  order: first\n  predicates: [ Path=/a ]\n", &["trunkline.yml:5:10: spring.cloud.gateway.routes[0].order: is not a whole number"]),
    (Role::Gateway, "registry: nacos://h\nspring.cloud.gateway.routes:\n- id: a\n  uri: lb:ws://s\n  predicates: [ Path=/a ]\n  filters: [ { name: RequestRateLimiter, args: { key-resolver: \"#{@ip}\" } } ]\n", &["trunkline.yml:6:14: spring.cloud.gateway.routes[0].filters[0]: RequestRateLimiter: Spring expressions (#{...}) are not evaluated"]),
    (Role::Gateway, "registry: nacos://h\nspring.cloud.gateway.server.webmvc.routes: []\n", &["trunkline.yml:2:44: spring.cloud.gateway.server.webmvc.routes: routes of Spring's servlet gateway are not read; write them under spring.cloud.gateway.server.webflux.routes"]),
    (Role::Gateway, "registry: nacos://h\nspring.cloud.gateway.routes:\n- a=lb:ws://s\n", &["trunkline.yml:3:3: spring.cloud.gateway.routes[0]: a route in one line is id=uri,Predicate=value"]),
    // Spring's addresses.
    (Role::Node, "spring.data.redis: { host: h, port: many }\n", &["trunkline.yml:1:37: spring.data.redis.port: \"many\" is not a port (1 to 65535)"]),
    (Role::Node, "spring.redis.cluster.nodes: a,b\n", &["trunkline.yml:1:1: spring.redis.cluster: Redis Cluster is not supported yet"]),
];

#[test]
fn every_mistake_is_named_in_one_line() {
    let mut failures = String::new();
    for (role, text, expected) in TABLE {
        let case = Case::of(*role, &text.replace("{H}", "0123456789abcdef0123456789abcdef"));
        let wrong = case.wrong();
        if wrong != *expected {
            failures.push_str(&format!("\n{text}  expected {expected:#?}\n  got {wrong:#?}\n"));
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn no_line_holds_anything_of_a_secret() {
    for (role, text, _) in TABLE.iter().filter(|(_, text, _)| text.contains("hidden")) {
        for line in Case::of(*role, text).wrong() {
            assert!(!line.contains("hidden"), "{line}");
        }
    }
}

#[test]
fn several_mistakes_are_all_named() {
    let case = Case::node("ws: { port: x, hots: y }\nlog: { level: loud }\ndirectory: { lease: 1s }\n");
    assert_eq!(case.wrong().len(), 4, "{:#?}", case.wrong());
}

#[test]
fn one_slip_is_not_blamed_on_other_settings() {
    // A lease that cannot be read must not be compared with its renewals.
    assert_eq!(Case::node("directory: { lease: 10 }\n").wrong().len(), 1);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let mut case = Case::node("");
    case.request.file = Some("/absent/trunkline.yml".into());
    assert_eq!(
        case.wrong(),
        ["/absent/trunkline.yml: cannot be read: No such file or directory (os error 2)"]
    );
}

#[test]
fn a_role_is_not_stopped_by_the_other_ones_section() {
    let text = "registry: nacos://h\ngateway: { listen: nowhere }\nauth: { keys: [{ algorithm: HS256, key: short }] }\n";
    assert_eq!(Case::gateway(text).wrong().len(), 1);
    let wrong = Case::node(text).wrong();
    assert!(wrong.iter().all(|line| !line.contains("gateway")), "{wrong:#?}");
}

#[test]
fn whatever_is_typed_ends_in_an_answer() {
    let sample = "ws: { port: \"19998\", name: a }\nspring.cloud.gateway.routes[0]:\n  id: a\n  uri: lb:ws://s\n  predicates: [ Path=/a/** ]\nx: &x { a: 1 }\ny: { <<: *x }\ndirectory: ${D:redis://u:p@h/1?prefix=x}\nlimits.hello_timeout: 1h30m\n---\nlog: { level: info }\n";
    let pieces = [
        "{", "}", "[", "]", ":", "- ", "\n", "${", "}", "&x ", "*x", "<<: ", "\"", "'", "|", ">", "#", ".",
        "[0]", "é", "\t", "  ", "@", "%zz", "---\n", "?", ",",
    ];
    // A fixed sequence of chances: every run tries the same.
    let mut state: u64 = 7;
    let mut chance = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let case = Case::gateway("");
    for _ in 0..MUTATIONS {
        let mut text: Vec<char> = sample.chars().collect();
        for _ in 0..=chance(4) {
            let at = chance(text.len());
            match chance(3) {
                0 => drop(text.remove(at)),
                1 => text[at] = pieces[chance(pieces.len())].chars().next().unwrap(),
                _ => drop(text.splice(at..at, pieces[chance(pieces.len())].chars())),
            }
        }
        std::fs::write(case.request.file.as_ref().unwrap(), text.into_iter().collect::<String>()).unwrap();
        for problem in case.load().err().unwrap_or_default().iter() {
            assert!(!problem.to_string().contains('\n'));
        }
    }
}

/// About a second's worth in a build without optimisation.
const MUTATIONS: usize = 2_000;
