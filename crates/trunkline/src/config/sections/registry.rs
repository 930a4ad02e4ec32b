//! Section `registry`.

use crate::config::{
    scalar::{Span, UrlText},
    settings::section,
};

section! {
    /// Where nodes are found: `memory`, `fixed:SERVICE=IP:PORT,IP:PORT` or `nacos://user:password@host:8848?namespace=&group=&cluster=`.
    Registry in "registry" {
        /// The back end; `registry: URL` is short for it. Where absent, `spring.cloud.nacos.discovery` is read.
        main url: Option<UrlText> = Said("`memory`");
        /// How often a node looks whether the registry still has it as it announced itself.
        fine check_every: Span = Is("5s"), zero "never";
        /// How often the instances are listed, beside what the registry tells by itself.
        fine list_every: Span = Is("10s"), zero "never";
    }
}
