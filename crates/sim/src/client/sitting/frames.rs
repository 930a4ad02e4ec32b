//! What a node says in a session: it is written down for the judge, and remembered.

use testkit::judge::{Fact, Payload};
use tokio::time::Instant;

use super::Sitting;
use crate::client::device::Wish;
use crate::client::heard::Heard;
use crate::client::outbox::Answer;

impl Sitting<'_> {
    pub(super) async fn take_frame(&mut self, text: &str) -> bool {
        let heard = Heard::read(text);
        match heard.kind {
            "message" => self.pushed(&heard),
            "receipt" => self.receipt(&heard),
            "error" => return self.error(&heard).await,
            "page" => return self.page(&heard).await,
            "behind" => {
                let (conversation, after) =
                    (heard.conversation.unwrap_or_default(), heard.after.unwrap_or(0));
                let head = heard.head.unwrap_or(0);
                self.note_behind(conversation, after, head);
                self.device.memory.told_behind(conversation, Some(after), head);
                return self.ask_pages().await;
            }
            "ready" => {
                self.is_live = true;
                return self.ask_pages().await;
            }
            "members" => self.members(&heard),
            _ => {}
        }
        true
    }

    fn pushed(&mut self, heard: &Heard<'_>) {
        let Some((conversation, seq)) = heard.conversation.zip(heard.seq) else { return };
        self.shown(heard, conversation, seq, false);
        self.device.memory.pushed(conversation, seq);
    }

    /// Writes down what has reached the client.
    fn shown(&self, heard: &Heard<'_>, conversation: &str, seq: u64, fetched: bool) {
        let seen = Payload::seen(heard.content.map_or("", |content| content.get()));
        let intact = seen.intact && heard.from == Some(&*seen.from);
        let (user, session) = (self.device.user.clone(), self.session.clone());
        let (conversation, message_id) =
            (conversation.to_owned(), heard.message_id.unwrap_or_default().to_owned());
        let (from, id) = (seen.from, seen.id);
        self.device.note(match fetched {
            true => Fact::Fetched { user, session, conversation, seq, message_id, from, id, intact },
            false => Fact::Push { user, session, conversation, seq, message_id, from, id, intact },
        });
    }

    fn receipt(&mut self, heard: &Heard<'_>) {
        let (Some(id), Some(conversation), Some(seq)) = (heard.id, heard.conversation, heard.seq) else {
            return;
        };
        self.device.note(Fact::Receipt {
            user: self.device.user.clone(),
            session: self.session.clone(),
            id: id.to_owned(),
            conversation: conversation.to_owned(),
            seq,
            message_id: heard.message_id.unwrap_or_default().to_owned(),
        });
        let answer = Answer { id, refused: None, retry_ms: None };
        self.device.outbox.answered(&answer, Instant::now());
        self.device.memory.receipted(conversation, seq);
    }

    async fn error(&mut self, heard: &Heard<'_>) -> bool {
        let (Some(id), code) = (heard.id, heard.error_code()) else { return true };
        let is_passing = heard.retry_ms.is_some();
        match id.split_once('/') {
            _ if id == "hello" => {
                // It cannot resume now: it goes and comes back.
                return !is_passing;
            }
            Some(("page", conversation)) => self.device.memory.page_refused(conversation, !is_passing),
            Some(("group", _)) if is_passing => {
                if let Some(wish) = &mut self.device.wish {
                    wish.is_asked = false;
                }
            }
            // It was done the first time, and the answer was lost.
            Some(("group", _)) => self.wish_granted(),
            _ => {
                let (user, session) = (self.device.user.clone(), self.session.clone());
                let answer = Answer { id, refused: Some(code), retry_ms: heard.retry_ms };
                if self.device.outbox.answered(&answer, Instant::now()) {
                    self.device.note(Fact::Refused {
                        user,
                        session,
                        id: id.to_owned(),
                        code: code.to_owned(),
                    });
                }
            }
        }
        true
    }

    async fn page(&mut self, heard: &Heard<'_>) -> bool {
        let conversation = heard.conversation.unwrap_or_default();
        for message in &heard.messages {
            if let Some(seq) = message.seq {
                self.shown(message, conversation, seq, true);
            }
        }
        let last = heard.messages.last().and_then(|message| message.seq);
        self.device.memory.page(conversation, last, heard.more);
        self.ask_pages().await
    }

    fn members(&mut self, heard: &Heard<'_>) {
        if heard.id.is_some_and(|id| id.starts_with("group/")) {
            self.wish_granted();
        }
    }

    fn wish_granted(&mut self) {
        let Some(Wish { group, joins, .. }) = self.device.wish.take() else { return };
        let user = self.device.user.clone();
        if joins {
            self.device.member_of.insert(group.clone());
            self.device.note(Fact::Joined { group, user });
        } else {
            self.device.member_of.remove(&group);
            self.device.memory.forget(&format!("g:{group}"));
            self.device.note(Fact::Left { group, user });
        }
    }

    fn note_behind(&self, conversation: &str, after: u64, head: u64) {
        self.device.note(Fact::Behind {
            user: self.device.user.clone(),
            session: self.session.clone(),
            conversation: conversation.to_owned(),
            after,
            head,
        });
    }
}
