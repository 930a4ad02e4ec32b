//! Starts children from one thread that never ends.
//!
//! Linux delivers the parent-death signal when the *thread* that started a child ends, not its process.
//! Each test has a thread of its own, so a server shared by several tests would die with the first of them.

use std::io;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Orders waiting to be worked off; a caller that finds it full simply waits its turn.
const ORDERS_MAX: usize = 16;

struct Order {
    command: Command,
    answer: SyncSender<io::Result<Child>>,
}

/// Starts `command` on the lasting thread.
pub(super) fn spawn(command: Command) -> io::Result<Child> {
    static ORDERS: OnceLock<SyncSender<Order>> = OnceLock::new();
    let orders = ORDERS.get_or_init(|| {
        let (orders, inbox) = sync_channel(ORDERS_MAX);
        thread::spawn(move || work_off(&inbox));
        orders
    });
    let (answer, child) = sync_channel(1);
    let gone = |_| io::Error::other("the thread that starts children has ended");
    orders.send(Order { command, answer }).map_err(|_| gone(()))?;
    child.recv().map_err(|_| gone(()))?
}

fn work_off(inbox: &Receiver<Order>) {
    for mut order in inbox {
        // A caller that no longer waits leaves a child without an owner: it must not go on.
        if let Err(unclaimed) = order.answer.send(order.command.spawn())
            && let Ok(mut child) = unclaimed.0
        {
            child.kill().ok();
        }
    }
}
