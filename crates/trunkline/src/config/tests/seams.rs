//! The URLs of the four seams.

use super::*;
use crate::config::backend::{BusBackend, DirectoryBackend, RegistryBackend, StoreBackend};

#[test]
fn nacos_takes_several_hosts_a_login_and_its_three_names() {
    let RegistryBackend::Nacos(nacos) =
        RegistryBackend::parse("nacos://user:p%40ss@h1:8849,h2?namespace=n&group=G&cluster=C").unwrap()
    else {
        panic!()
    };
    let servers: Vec<_> = nacos.servers.iter().map(ToString::to_string).collect();
    assert_eq!(servers, ["h1:8849", "h2:8848"]);
    assert_eq!(nacos.user.as_deref(), Some("user"));
    assert_eq!(nacos.password.as_ref().unwrap().expose_text(), Some("p@ss"));
    assert_eq!((nacos.namespace.as_str(), nacos.group.as_str(), nacos.cluster.as_str()), ("n", "G", "C"));
    assert!(!format!("{nacos:?}").contains("p@ss"));
    let RegistryBackend::Nacos(plain) = RegistryBackend::parse("nacos://h?namespace=public").unwrap() else {
        panic!()
    };
    assert_eq!(
        (plain.namespace.as_str(), plain.group.as_str(), plain.cluster.as_str()),
        ("", "DEFAULT_GROUP", "DEFAULT")
    );
}

#[test]
fn a_fixed_list_holds_several_services() {
    let RegistryBackend::Fixed(services) =
        RegistryBackend::parse("fixed:a=10.0.0.1:1,10.0.0.2:2,b=[::1]:3").unwrap()
    else {
        panic!()
    };
    let counts: Vec<_> =
        services.iter().map(|service| (service.name.as_str(), service.instances.len())).collect();
    assert_eq!(counts, [("a", 2), ("b", 1)]);
}

#[test]
fn redis_takes_a_database_and_prefixes() {
    let DirectoryBackend::Redis(redis) =
        DirectoryBackend::parse("redis://:secret@[::1]:6380/2?prefix=p&classic_keys=true&classic_prefix=c:")
            .unwrap()
    else {
        panic!()
    };
    assert_eq!((redis.server.to_string().as_str(), redis.database), ("[::1]:6380", 2));
    assert_eq!((redis.user.as_deref(), redis.classic_keys), (None, Some(true)));
    assert_eq!((redis.prefix.as_deref(), redis.classic_prefix.as_deref()), (Some("p"), Some("c:")));
}

#[test]
fn the_directorys_prefixes_follow_the_service_and_the_dialect() {
    let text = "ws: { name: demo, dialect: classic }\ndirectory: redis://h\nbus: rocketmq://h\nstore: none\n";
    let DirectoryBackend::Redis(redis) = Case::node(text).holds().config.backends.directory else { panic!() };
    assert_eq!(
        (redis.prefix.as_deref(), redis.classic_prefix.as_deref()),
        (Some("trunkline:demo"), Some("demo:userNode:"))
    );
    assert_eq!(redis.classic_keys, Some(true));
}

#[test]
fn rocketmq_takes_other_topics() {
    let BusBackend::RocketMq(plain) = BusBackend::parse("rocketmq://h1;h2:9877").unwrap() else { panic!() };
    assert_eq!(
        (plain.single.as_str(), plain.group.as_str(), plain.control.as_str()),
        ("SINGLE", "GROUP", "TRUNKLINE")
    );
    assert_eq!(plain.name_servers.len(), 2);
    let BusBackend::RocketMq(other) =
        BusBackend::parse("rocketmq://h?single=S&group=G&control=T&create=true&copy=C").unwrap()
    else {
        panic!()
    };
    assert_eq!((other.single.as_str(), other.copy.as_deref(), other.create), ("S", Some("C"), true));
}

#[test]
fn rabbitmq_takes_several_hosts_a_login_and_a_virtual_host() {
    let BusBackend::RabbitMq(plain) = BusBackend::parse("amqp://h").unwrap() else { panic!() };
    assert_eq!((plain.login, plain.virtual_host.as_str(), plain.prefix.as_str()), (None, "/", "trunkline"));
    let text = "amqp://u%40x:p%2Fw@h1:5673,[::1]/%2fchat%20a?prefix=im&copy=ARCHIVE";
    let BusBackend::RabbitMq(other) = BusBackend::parse(text).unwrap() else { panic!() };
    let servers: Vec<_> = other.servers.iter().map(ToString::to_string).collect();
    assert_eq!(servers, ["h1:5673", "[::1]:5672"]);
    let (user, password) = other.login.as_ref().unwrap();
    assert_eq!((user.as_str(), password.expose_text()), ("u@x", Some("p/w")));
    assert_eq!((other.virtual_host.as_str(), other.prefix.as_str()), ("/chat a", "im"));
    assert_eq!(other.copy.as_deref(), Some("ARCHIVE"));
    assert!(!format!("{other:?}").contains("p/w"));
    assert!(BusBackend::parse("amqp://h").unwrap().is_shared());
}

#[test]
fn stores_are_words_and_files() {
    assert_eq!(StoreBackend::parse("none"), Ok(StoreBackend::None));
    assert_eq!(StoreBackend::parse("memory:"), Ok(StoreBackend::Memory));
    assert_eq!(StoreBackend::parse("sqlite:a/b.db"), Ok(StoreBackend::Sqlite("a/b.db".into())));
    assert_eq!(StoreBackend::parse("sqlite:///a/b.db"), Ok(StoreBackend::Sqlite("/a/b.db".into())));
}

#[test]
fn no_error_quotes_what_may_be_a_password() {
    let passwords = ["p/w", "p?w", "p#w", "p@w", "p w", "p%ffw"];
    for password in passwords {
        for scheme in ["nacos", "redis", "rocketmq", "amqp", "amqps", "redsi", "rediss"] {
            let url = format!("{scheme}://user:{password}secret@h:99999/x?y=z");
            let errors = [
                RegistryBackend::parse(&url).err(),
                DirectoryBackend::parse(&url).err(),
                BusBackend::parse(&url).err(),
                StoreBackend::parse(&url).err(),
            ];
            for error in errors.into_iter().flatten() {
                assert!(!error.contains("secret") && !error.contains("user:"), "{url}: {error}");
            }
        }
    }
}

#[test]
fn postgres_takes_several_hosts_a_login_and_a_database() {
    let text = "postgres://user:p%40ss@h1:5433,[::1]/a%20b?sslmode=disable";
    let StoreBackend::Postgres(postgres) = StoreBackend::parse(text).unwrap() else { panic!() };
    let servers: Vec<_> = postgres.servers.iter().map(ToString::to_string).collect();
    assert_eq!(servers, ["h1:5433", "[::1]:5432"]);
    assert_eq!((postgres.user.as_str(), postgres.database.as_str()), ("user", "a b"));
    assert_eq!(postgres.password.as_ref().unwrap().expose_text(), Some("p@ss"));
    assert!(!format!("{postgres:?}").contains("p@ss"));
    let StoreBackend::Postgres(plain) = StoreBackend::parse("postgresql://me@h").unwrap() else { panic!() };
    assert_eq!((plain.database.as_str(), plain.password), ("me", None), "as psql has it");
}

#[test]
fn nodes_that_share_a_directory_may_share_a_postgres_store() {
    let text = "directory: redis://h\nbus: rocketmq://h\nstore: postgres://u@h/d\n";
    assert!(matches!(Case::node(text).holds().config.backends.store, StoreBackend::Postgres(_)));
}
