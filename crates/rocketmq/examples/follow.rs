//! Prints what arrives on a topic from now on: `cargo run -p rocketmq --example follow -- 127.0.0.1:9876 GREETINGS '*'`.
#![allow(clippy::print_stdout, reason = "it is what the example is for")]

use std::error::Error;

use rocketmq::{Client, Config, Item, Start};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name_server, topic, tags] = &arguments[..] else {
        return Err("usage: follow NAME_SERVER TOPIC TAGS".into());
    };
    let client = Client::new(Config::new([name_server]))?;
    let mut follower = client.follow("example", topic, tags.parse()?, Start::End).await?;
    println!("following {topic}; end with Ctrl-C");
    loop {
        let item = tokio::select! {
            item = follower.recv() => item,
            _ = tokio::signal::ctrl_c() => break,
        };
        match item {
            Some(Item::Message(message)) => {
                let text = String::from_utf8_lossy(&message.body);
                println!(
                    "{} {} [{}] {text}",
                    message.queue,
                    message.offset,
                    message.tag().unwrap_or("no tag")
                );
            }
            Some(Item::Unreadable(unreadable)) => {
                println!("{} {}: {}", unreadable.queue, unreadable.offset, unreadable.why)
            }
            Some(Item::Moved { queue, from, to }) => println!("{queue}: from {from} to {to}"),
            Some(Item::Interrupted { cause, .. }) => println!("deaf: {cause}"),
            Some(Item::Resumed { gap }) => println!("hearing again after {gap:?}"),
            None => break,
        }
    }
    client.close().await;
    Ok(())
}
