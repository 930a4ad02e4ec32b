//! Reading: pieces of logs, and lists of conversations, each cut to fit one frame.

use ports::store::{ConversationSummary, Denied, PageQuery, Reader, StoreError};
use serde_json::value::RawValue;
use wire::ErrorCode;
use wire::error_code::Refusal;
use wire::frame::{self, ConversationLine};
use wire::id::{ClientId, UserId};

use super::Desk;
use crate::dispatch::denied_refusal;

impl Desk {
    /// One page of a user's conversations, as a frame.
    pub async fn conversations(
        &self,
        user: &UserId,
        id: Option<&ClientId>,
        items_max: usize,
        next: Option<&str>,
    ) -> Result<bytes::Bytes, Refusal> {
        let store = self.store()?;
        let page = store.conversations(user, items_max, next).await;
        let page = page.map_err(|error| match error {
            StoreError::Denied(Denied::Unacceptable) => {
                Refusal::new(ErrorCode::BadField, "next: must be the `next` of an earlier answer")
            }
            error => self.dispatch.refusal(error),
        })?;
        let lasts: Vec<Option<Box<RawValue>>> =
            page.items.iter().map(|item| last_frame(item, user)).collect();
        let lines: Vec<ConversationLine<'_>> = page
            .items
            .iter()
            .zip(&lasts)
            .map(|(item, last)| ConversationLine {
                conversation: &item.conversation,
                head: item.head,
                unread: item.unread,
                read: item.read,
                last: last.as_deref(),
            })
            .collect();
        let fitting = fitting(&lines, self.config.limits.page_bytes_max);
        if fitting == lines.len() {
            return Ok(frame::conversations(id, &lines, page.next.as_deref()));
        }
        // Too long for one frame: the same question for fewer has a `next` that fits.
        Box::pin(self.conversations(user, id, fitting, next)).await
    }

    /// A piece of a log, as a frame.
    pub async fn page(&self, query: PageQuery, id: Option<&ClientId>) -> Result<bytes::Bytes, Refusal> {
        let store = self.store()?;
        let pages = store.pages(std::slice::from_ref(&query)).await.map_err(|error| self.port(error))?;
        let page = pages.into_iter().next().ok_or_else(|| self.defect("a page query without a page"))?;
        let mut page = page.map_err(denied_refusal)?;
        let reader = match &query.reader {
            Reader::User(user) => Some(user),
            Reader::All => None,
        };
        // The store counts content; with what stands around it, a page may still be too long for one frame.
        loop {
            let frame = frame::page(id, &query.conversation, page.first, &page.messages, page.more, reader);
            if frame.len() <= wire::limits::FRAME_BYTES_MAX || page.messages.len() <= 1 {
                return Ok(frame);
            }
            page.more = true;
            match query.range {
                frame::Range::After(_) => drop(page.messages.pop()),
                frame::Range::Latest | frame::Range::Before(_) => drop(page.messages.remove(0)),
            }
        }
    }
}

fn last_frame(item: &ConversationSummary, user: &UserId) -> Option<Box<RawValue>> {
    let frame = item.last.as_ref()?.frame_for(user);
    let text = String::from_utf8(frame.to_vec()).ok()?;
    RawValue::from_string(text).ok()
}

/// How many lines fit into one frame; at least one.
fn fitting(lines: &[ConversationLine<'_>], bytes_max: usize) -> usize {
    /// What stands around a line's last message.
    const LINE_BYTES: usize = 256;
    let mut bytes = 0;
    let fits = |line: &&ConversationLine<'_>| {
        bytes += line.last.map_or(0, |last| last.get().len()) + LINE_BYTES;
        bytes <= bytes_max
    };
    lines.iter().take_while(fits).count().max(1).min(lines.len())
}
