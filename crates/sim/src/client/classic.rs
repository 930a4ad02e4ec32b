//! Two people with clients of the older dialect, who write to each other. They see no numbers and get no receipts, so nothing of theirs is judged;
//! they are there because their sessions take other roads through a node.

use std::sync::Arc;

use tokio::time::Instant;

use super::line::{Came, Line};
use crate::dice::Dice;
use crate::stage::Stage;

/// The two. The older service knew numbers only.
const USERS: [(&str, &str); 2] = [("901", "902"), ("902", "901")];
/// Between two things that one says, in milliseconds.
const SAYS_MS: (u64, u64) = (1_000, 15_000);
/// How long one stays, in seconds.
const STAYS_SECS: (u64, u64) = (20, 120);

/// Has them come and go until the curtain falls.
pub fn begin(stage: &Arc<Stage>) {
    for (user, other) in USERS {
        let (stage, curtain) = (stage.clone(), stage.curtain.clone());
        let crowd = stage.crowd.clone();
        crowd.spawn(async move { curtain.run_until_cancelled(live(stage, user, other)).await });
    }
}

async fn live(stage: Arc<Stage>, user: &'static str, other: &'static str) {
    let dice = Dice::of(stage.plan.seed, user);
    loop {
        let node = dice.below(stage.plan.nodes);
        if let Some((line, _)) = Line::open(&stage, node, &format!("/ws/{user}"), "classic").await {
            sit(line, &dice, other).await;
        }
        tokio::time::sleep(dice.ms(100, 5_000)).await;
    }
}

async fn sit(mut line: Line, dice: &Dice, other: &str) {
    let until = Instant::now() + dice.secs(STAYS_SECS.0, STAYS_SECS.1);
    let mut says_at = Instant::now();
    while Instant::now() < until {
        let went_on = tokio::select! {
            biased;
            came = line.next() => match came {
                Came::Text(_) => true,
                Came::Ping(payload) => line.pong(&payload).await,
                Came::Closed(_) | Came::Cut => false,
            },
            () = tokio::time::sleep_until(says_at) => {
                says_at = Instant::now() + dice.ms(SAYS_MS.0, SAYS_MS.1);
                line.say(&format!(r#"{{"msgType":10,"to":{other},"content":"hi"}}"#)).await
            }
        };
        if !went_on {
            return;
        }
    }
    line.leave().await;
}
