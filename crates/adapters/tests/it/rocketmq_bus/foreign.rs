//! What the official Java client puts on our topics.

use std::time::Duration;

use adapters::bus::RocketMqBus;
use ports::bus::Bus;
use testkit::java::JavaProgram;
use testkit::servers::RocketMq;
use wire::envelope::Lane;

use super::{RocketMqOptions, body, boot, options};

/// A body over 4 KiB is compressed by the producer.
const JAVA: &str = r#"
import java.nio.charset.StandardCharsets;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;

public class Foreign {
    public static void main(String[] args) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer("foreign");
        producer.setNamesrvAddr(args[0]);
        producer.start();
        String small = "{\"content\":\"你好\",\"from\":1,\"msgType\":10,\"time\":1690000000000,\"to\":2}";
        String large = "{\"content\":\"" + "x".repeat(20000) + "\",\"from\":1,\"msgType\":10,\"time\":1690000000000,\"to\":2}";
        for (String body : new String[] { small, large }) {
            producer.send(new Message("SINGLE", args[1], body.getBytes(StandardCharsets.UTF_8)));
            producer.send(new Message("GROUP", "whatever", body.getBytes(StandardCharsets.UTF_8)));
            producer.send(new Message("SINGLE", "another-node", body.getBytes(StandardCharsets.UTF_8)));
        }
        producer.shutdown();
        System.exit(0);
    }
}
"#;

pub(crate) async fn what_java_sends_arrives_on_its_lane_inflated(server: &RocketMq) {
    let program = JavaProgram::compile("Foreign", JAVA).await;
    let node = boot("foreign");
    let bus = RocketMqBus::new(RocketMqOptions { create: true, ..options(server) }).unwrap();
    let mut inbox = bus.open_inbox(&node).await.unwrap();
    let java = program.start(&[&server.address().to_string(), node.node.as_str()]);
    let mut arrived = Vec::new();
    for _ in 0..4 {
        let (lane, text) = body(&mut inbox).await;
        arrived.push((lane, text.len(), text.contains("你好")));
    }
    arrived.sort();
    let (small, large) =
        (r#"{"content":"你好","from":1,"msgType":10,"time":1690000000000,"to":2}"#.len(), 20_064);
    let expected = [
        (Lane::Single, small, true),
        (Lane::Single, large, false),
        (Lane::Group, small, true),
        (Lane::Group, large, false),
    ];
    assert_eq!(arrived, expected);
    assert_eq!(java.exit_code(Duration::from_secs(30)).await, 0, "{}", java.tail());
}
