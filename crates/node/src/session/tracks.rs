//! How far a session has come in each of its conversations: the order check.
//!
//! A track has a position once something set it: `have`, `welcome.unread`, `behind`, joining, or the store's answer.
//! While a piece of the log is being read, what arrives only marks that one more read is due: there is no buffer.

use wire::frame::Unread;
use wire::id::{ConversationId, Seq};

use super::event::{Effect, Effects};

/// Sends of this session that its position has not passed yet, remembered so that they are not shown to it. Beyond this many, the oldest may be.
const OWN_MAX: usize = 256;

/// The conversations of a session, sorted: most sessions have few, and an idle one should cost little.
#[derive(Debug, Default)]
pub struct Tracks {
    tracks: Vec<(ConversationId, Track)>,
    own: Vec<(ConversationId, Seq)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Track {
    position: Option<Seq>,
    /// A position or a page has been asked for.
    reading: bool,
    /// Something came meanwhile.
    again: bool,
}

/// What to do with a message that has arrived.
#[derive(Debug)]
pub enum Arrival {
    /// Push it.
    Next,
    /// It was pushed before, or will come with what is being read.
    Nothing,
    /// Read the log.
    Read(Effect),
}

impl Tracks {
    /// No conversations yet.
    pub fn new() -> Tracks {
        Tracks { tracks: Vec::new(), own: Vec::new() }
    }

    /// The position in one conversation.
    pub fn position(&self, conversation: &ConversationId) -> Option<Seq> {
        let idx = self.find(conversation).ok()?;
        self.tracks.get(idx).and_then(|(_, track)| track.position)
    }

    /// `welcome` names these: what lies up to their heads is told, not pushed. A classic session is told nothing, but starts there too.
    pub fn name(&mut self, unread: &[Unread]) {
        for item in unread {
            let track = self.track(&item.conversation);
            track.position = track.position.or(Some(item.head));
        }
    }

    /// The client holds these: their gaps are to be read.
    pub fn hold(&mut self, have: &[(ConversationId, Seq)]) -> Effects {
        let mut effects = Effects::new();
        for (conversation, seq) in have {
            let track = self.track(conversation);
            *track = Track { position: Some(*seq), reading: false, again: track.again };
            effects.push(track.read(conversation));
        }
        effects
    }

    /// True while a position or a page of any conversation is being read.
    pub fn is_reading(&self) -> bool {
        self.tracks.iter().any(|(_, track)| track.reading)
    }

    /// A message has arrived.
    pub fn arrived(&mut self, conversation: &ConversationId, seq: Seq, live: bool) -> Arrival {
        let track = self.track(conversation);
        if !live || track.reading {
            track.again = true;
            return Arrival::Nothing;
        }
        match track.position {
            Some(position) if seq <= position => Arrival::Nothing,
            Some(position) if seq == position + 1 => {
                track.position = Some(seq);
                self.skip_own(conversation);
                Arrival::Next
            }
            None if seq == 1 => {
                track.position = Some(1);
                self.skip_own(conversation);
                Arrival::Next
            }
            _ => Arrival::Read(track.read(conversation)),
        }
    }

    /// The log reaches up to `head`.
    pub fn head(&mut self, conversation: &ConversationId, head: Seq, live: bool) -> Option<Effect> {
        let track = self.track(conversation);
        if !live || track.reading {
            track.again = true;
            return None;
        }
        let behind = track.position.is_none_or(|position| position < head);
        behind.then(|| track.read(conversation))
    }

    /// From where to push.
    pub fn found(&mut self, conversation: &ConversationId, seq: Seq) -> Option<Effect> {
        let track = self.track(conversation);
        track.position = track.position.or(Some(seq));
        track.reading.then(|| track.read(conversation))
    }

    /// A message of a page: true when it is to be shown.
    pub fn caught_up(&mut self, conversation: &ConversationId, seq: Seq) -> bool {
        let own = self.own.iter().position(|(of, own)| of == conversation && *own == seq);
        if let Some(own) = own {
            self.own.swap_remove(own);
        }
        let track = self.track(conversation);
        if track.position.is_some_and(|position| seq <= position) {
            return false;
        }
        track.position = Some(seq);
        own.is_none()
    }

    /// A page is worked off: `end` is how far it reached. Gives the next read, where one is due.
    pub fn page_ended(
        &mut self,
        conversation: &ConversationId,
        end: Seq,
        more: bool,
        live: bool,
    ) -> Option<Effect> {
        let track = self.track(conversation);
        track.position = Some(track.position.map_or(end, |position| position.max(end)));
        let next = if more { Some(track.read(conversation)) } else { track.over(conversation, live) };
        self.skip_own(conversation);
        next
    }

    /// What lies above `head` is pushed from now on. What is being read meanwhile goes on above it.
    pub fn begin_at(&mut self, conversation: &ConversationId, head: Seq) {
        let track = self.track(conversation);
        track.position = Some(track.position.map_or(head, |position| position.max(head)));
        self.skip_own(conversation);
    }

    /// What lies above `head` is pushed from now on, even where more was pushed before. Gives the next read, where something came meanwhile.
    pub fn reset(&mut self, conversation: &ConversationId, head: Seq, live: bool) -> Option<Effect> {
        let track = self.track(conversation);
        track.position = Some(head);
        let next = track.over(conversation, live);
        self.skip_own(conversation);
        next
    }

    /// The user might not read it when it was looked up. Gives the next read, where something has come since: then he may.
    pub fn denied(&mut self, conversation: &ConversationId, live: bool) -> Option<Effect> {
        let idx = self.find(conversation).ok()?;
        let (_, track) = self.tracks.get_mut(idx)?;
        if !track.again {
            self.drop_track(conversation);
            return None;
        }
        track.over(conversation, live)
    }

    /// The user may no longer read it.
    pub fn drop_track(&mut self, conversation: &ConversationId) {
        if let Ok(idx) = self.find(conversation) {
            self.tracks.remove(idx);
        }
        self.own.retain(|(of, _)| of != conversation);
    }

    /// This session's own send took this place: it is never shown to it. Before the session is live, `have` may still set its position back.
    pub fn own(&mut self, conversation: &ConversationId, seq: Seq, live: bool) {
        let track = self.track(conversation);
        match track.position {
            Some(position) if live && seq <= position => return,
            Some(position) if live && seq == position + 1 && !track.reading => track.position = Some(seq),
            None if live && seq == 1 && !track.reading => track.position = Some(1),
            _ => {
                if self.own.len() >= OWN_MAX {
                    self.own.remove(0);
                }
                self.own.push((conversation.clone(), seq));
                return;
            }
        }
        self.skip_own(conversation);
    }

    /// The session is live: what was marked on the way is read now.
    pub fn go_live(&mut self) -> impl Iterator<Item = Effect> {
        for (conversation, seq) in self.own.clone() {
            if seq == 1 {
                // Nothing lies before the first: where nobody has said more, the position is known.
                self.track(&conversation).position.get_or_insert(0);
            }
            self.skip_own(&conversation);
        }
        self.tracks.iter_mut().filter_map(|(conversation, track)| {
            let due = track.again && !track.reading;
            track.again &= !due;
            due.then(|| track.read(conversation))
        })
    }

    /// Moves the position over own sends that are next.
    fn skip_own(&mut self, conversation: &ConversationId) {
        if self.own.is_empty() {
            return;
        }
        while let Some(position) = self.position(conversation) {
            self.own.retain(|(of, seq)| of != conversation || *seq > position);
            let Some(next) = self.own.iter().position(|(of, seq)| of == conversation && *seq == position + 1)
            else {
                return;
            };
            self.own.swap_remove(next);
            self.track(conversation).position = Some(position + 1);
        }
    }

    fn find(&self, conversation: &ConversationId) -> Result<usize, usize> {
        self.tracks.binary_search_by(|(of, _)| of.cmp(conversation))
    }

    fn track(&mut self, conversation: &ConversationId) -> &mut Track {
        let idx = match self.find(conversation) {
            Ok(idx) => idx,
            Err(idx) => {
                self.tracks.insert(idx, (conversation.clone(), Track::default()));
                idx
            }
        };
        &mut self.tracks[idx].1
    }
}

impl Track {
    /// What was being read is over. Gives the next read, where something came meanwhile and the session is live.
    fn over(&mut self, conversation: &ConversationId, live: bool) -> Option<Effect> {
        self.reading = false;
        let due = live && std::mem::take(&mut self.again);
        due.then(|| self.read(conversation))
    }

    /// Asks for what this track needs next.
    fn read(&mut self, conversation: &ConversationId) -> Effect {
        self.reading = true;
        match self.position {
            Some(position) => Effect::CatchUp(conversation.clone(), position),
            None => Effect::FindPosition(conversation.clone()),
        }
    }
}
