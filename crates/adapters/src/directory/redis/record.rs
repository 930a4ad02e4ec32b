//! How bindings stand in a user's hash, read back.

use std::collections::HashMap;

use ports::directory::{Binding, Displaced, Slot};
use wire::id::UserId;

/// The bindings of a user's hash, by slot. What cannot be read is nobody's, as in the scripts.
pub(super) fn bindings(user: &UserId, fields: HashMap<String, String>) -> Vec<Binding> {
    let mut bindings: Vec<Binding> = fields
        .iter()
        .filter_map(|(field, holder)| binding(user, field.strip_prefix("slot:")?, holder))
        .collect();
    bindings.sort_by(|one, other| one.slot.cmp(&other.slot));
    bindings
}

fn binding(user: &UserId, slot: &str, holder: &str) -> Option<Binding> {
    let mut words = holder.split(' ');
    Some(Binding {
        user: user.clone(),
        slot: slot.parse().ok()?,
        session: words.next()?.parse().ok()?,
        device: words.next()?.parse().ok()?,
        boot: words.next()?.parse().ok()?,
        generation: words.next()?.parse().ok()?,
        since_ms: words.next()?.parse().ok()?,
    })
}

/// The displaced sessions that a script tells of.
pub(super) fn displaced(told: Vec<String>) -> Vec<Displaced> {
    told.iter().filter_map(|text| displaced_one(text)).collect()
}

fn displaced_one(text: &str) -> Option<Displaced> {
    let mut words = text.splitn(4, ' ');
    Some(Displaced {
        session: words.next()?.parse().ok()?,
        boot: words.next()?.parse().ok()?,
        generation: words.next()?.parse().ok()?,
        slot: words.next()?.parse::<Slot>().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_gives_its_bindings_and_nothing_else() {
        let (session, boot) = ("01HZZZZZZZ0000000000000001", "node-1/01HZZZZZZZ0000000000000002");
        let holder = format!("{session} web {boot} 1690000000000001 1690000000000");
        let fields = [
            ("slot:d:web", holder.as_str()),
            ("slot:d:odd", "what is this"),
            ("displaced:x", &holder),
            ("latest", "1690000000000001"),
        ];
        let user: UserId = "1".parse().unwrap();
        let fields = fields.map(|(field, value)| (field.to_owned(), value.to_owned()));
        let read = bindings(&user, fields.into());
        assert_eq!(read.len(), 1);
        assert_eq!((read[0].slot.as_str(), read[0].generation), ("d:web", 1_690_000_000_000_001));
        let told = displaced(vec![format!("{session} {boot} 7 d:web"), "no".to_owned()]);
        assert_eq!((told.len(), told[0].slot.as_str()), (1, "d:web"));
    }
}
