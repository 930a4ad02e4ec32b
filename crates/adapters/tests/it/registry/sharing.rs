//! One Nacos for several: namespaces, groups, clusters, services of other people.

use std::slice;

use adapters::registry::{NacosOptions, NacosRegistry};
use ports::registry::{Instance, Registry};
use testkit::ports as free_ports;
use testkit::servers::Nacos;

use super::bed::{NacosBed, instance, options, seen};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn namespaces_groups_and_clusters_keep_apart() {
    let nacos = Nacos::start().await;
    let settings = [
        options(&nacos),
        NacosOptions { namespace: "team-b".to_owned(), ..options(&nacos) },
        NacosOptions { group: "GROUP_B".to_owned(), ..options(&nacos) },
        NacosOptions { cluster: "CLUSTER_B".to_owned(), ..options(&nacos) },
    ];
    let registries = settings.map(NacosRegistry::new);
    let nodes: Vec<Instance> =
        (9_421..).take(registries.len()).map(|port| instance("shared", port)).collect();
    let announcements: Vec<_> =
        registries.iter().zip(&nodes).map(|(registry, node)| registry.announce(node.clone())).collect();
    for (registry, node) in registries.iter().zip(&nodes) {
        seen(&registry.watch("shared"), "its own instance alone", slice::from_ref(node)).await;
    }
    for announcement in announcements {
        announcement.withdraw().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_of_other_people_is_seen_without_our_metadata() {
    let bed = NacosBed::start().await;
    let theirs = Instance { weight: 3.0, metadata: [].into(), ..instance("theirs", 9_431) };
    bed.ask("POST", &theirs, "&weight=3").await;
    let registry = NacosRegistry::new(options(&bed.nacos));
    seen(&registry.watch("theirs"), "their instance", &[theirs]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_nodes_of_one_process_are_all_listed() {
    let nacos = Nacos::start().await;
    let registry = NacosRegistry::new(options(&nacos));
    let nodes: Vec<Instance> = (9_441..9_444).map(|port| instance("several", port)).collect();
    let announcements: Vec<_> = nodes.iter().map(|node| registry.announce(node.clone())).collect();
    let watched = registry.watch("several");
    seen(&watched, "all three", &nodes).await;
    announcements[1].withdraw().await.unwrap();
    seen(&watched, "the other two", &[nodes[0].clone(), nodes[2].clone()]).await;
    for announcement in announcements {
        announcement.withdraw().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_dead_server_of_two_is_no_outage() {
    let nacos = Nacos::start().await;
    let dead = format!("127.0.0.1:{}", free_ports::free_with(&[1_000]));
    let registry = NacosRegistry::new(NacosOptions {
        servers: vec![dead, nacos.address().to_string()],
        ..options(&nacos)
    });
    registry.check().await.unwrap();
    let node = instance("two-servers", 9_451);
    let announcement = registry.announce(node.clone());
    seen(&registry.watch("two-servers"), "the instance", &[node]).await;
    announcement.withdraw().await.unwrap();
}
