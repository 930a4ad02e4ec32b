//! Section `bus`.

use crate::config::{
    scalar::{FanOut, Span, UrlText},
    settings::section,
};

section! {
    /// How nodes talk to each other: `memory`, `amqp://user:password@host:5672,host:5672/vhost?prefix=&copy=` (RabbitMQ), or `rocketmq://host:9876,host:9876?single=&group=&control=&create=&copy=`.
    Bus in "bus" {
        /// The back end; `bus: URL` is short for it. Where absent, `rocketmq.name-server` is read.
        main url: Option<UrlText> = Said("`memory`");
        /// A group message is posted once for each node that holds a member, or as one broadcast that every node filters.
        main fan_out: FanOut = Is("interest");
        /// How long one call may take before it is given up and tried again.
        fine call_timeout: Span = Is("3s"), zero "as long as it takes";
    }
}
