//! Sends lines of text to a topic: `cargo run -p rocketmq --example send -- 127.0.0.1:9876 GREETINGS hello world`.
#![allow(clippy::print_stdout, reason = "it is what the example is for")]

use std::error::Error;

use rocketmq::{Client, Config, Outcome, Outgoing, Retry};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(name_server), Some(topic)) = (arguments.next(), arguments.next()) else {
        return Err("usage: send NAME_SERVER TOPIC TEXT...".into());
    };
    let client = Client::new(Config::new([name_server]))?;
    let route = client.ensure_topic(&topic, 4).await?;
    for (number, text) in arguments.enumerate() {
        // What shall keep its order goes to one queue; here, each word has its own.
        let queue = &route.writable[number % route.writable.len()];
        let message = Outgoing::new(text.clone()).tag("example").key(format!("word-{number}"));
        loop {
            match client.send(queue, &message).await {
                Outcome::Accepted(receipt) => {
                    println!("{text}: {} at {}", receipt.queue, receipt.queue_offset);
                    break;
                }
                // It may be there already: who receives it must not mind a second one.
                Outcome::Unknown(error) => println!("{text}: {error}; once more"),
                Outcome::Refused(error) if error.retry() != Retry::Never => {
                    println!("{text}: {error}; once more in a second");
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                }
                Outcome::Refused(error) => return Err(error.into()),
            }
        }
    }
    client.close().await;
    Ok(())
}
