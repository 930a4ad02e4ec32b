//! The slots of one user: who holds which, and who was displaced and has not confirmed that it is gone.
//!
//! These are the rules that `adapters` has as Lua for Redis. An invariant holds between calls: where somebody is displaced, somebody is bound.
//! Whether a boot lives is not known here.

use std::collections::BTreeMap;

use wire::id::{Boot, SessionId};

use crate::directory::{Binding, Claim, Claimed, DISPLACED_MAX, Displaced, Restored, Slot};

#[derive(Debug, Clone, Default)]
pub(super) struct UserSlots {
    /// By slot, sorted. A list that grows one by one: nearly every user has one, and a map keeps room for eleven.
    bound: Vec<Binding>,
    displaced: BTreeMap<SessionId, Box<Binding>>,
    generation_latest: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("{DISPLACED_MAX} sessions of the user are displaced and not confirmed")]
pub(super) struct TooManyDisplaced;

impl UserSlots {
    pub(super) fn claim(&mut self, claim: &Claim, now_us: u64) -> Result<Claimed, TooManyDisplaced> {
        if let Some(own) = self.find_mut(&claim.slot, claim.session) {
            own.boot = claim.boot.clone();
            let generation = own.generation;
            return Ok(Claimed { generation, displaced: self.displaced() });
        }
        if self.displaced.len() >= DISPLACED_MAX {
            return Err(TooManyDisplaced);
        }
        let generation = now_us.max(self.generation_latest.saturating_add(1));
        self.bind(Binding {
            user: claim.user.clone(),
            slot: claim.slot.clone(),
            session: claim.session,
            device: claim.device.clone(),
            boot: claim.boot.clone(),
            generation,
            since_ms: claim.since_ms,
        });
        while self.bound.len() > claim.slots_max.max(1) {
            let oldest = self.bound.iter().enumerate().min_by_key(|(_, binding)| binding.generation);
            let Some((idx, _)) = oldest else { break };
            let binding = self.bound.remove(idx);
            self.displaced.insert(binding.session, Box::new(binding));
        }
        Ok(Claimed { generation, displaced: self.displaced() })
    }

    pub(super) fn restore(&mut self, binding: &Binding) -> Restored {
        if let Some(displaced) = self.displaced.get_mut(&binding.session) {
            // It still has to be told, and where it is now.
            displaced.boot = binding.boot.clone();
            return Restored::Superseded;
        }
        match self.holder_mut(&binding.slot) {
            Some(holder) if holder.session == binding.session => holder.boot = binding.boot.clone(),
            Some(holder) if holder.generation >= binding.generation => return Restored::Superseded,
            Some(_) | None => self.bind(binding.clone()),
        }
        Restored::Stands { displaced: self.displaced() }
    }

    /// What the session had, and whether that was the slot.
    pub(super) fn release(&mut self, slot: &Slot, session: SessionId) -> (Option<Binding>, bool) {
        let held = self.holder(slot).is_some_and(|binding| binding.session == session);
        if held {
            return (self.vacate(slot), true);
        }
        (self.displaced.remove(&session).map(|binding| *binding), false)
    }

    pub(super) fn forget(&mut self, session: SessionId, boot: &Boot) {
        self.displaced.retain(|_, binding| binding.session != session || binding.boot != *boot);
        let held = self.bound.iter().find(|binding| binding.session == session && binding.boot == *boot);
        if let Some(slot) = held.map(|binding| binding.slot.clone()) {
            self.vacate(&slot);
        }
    }

    /// Forgets every session of a boot; true when one of them was bound.
    pub(super) fn forget_all(&mut self, boot: &Boot) -> bool {
        // The displaced first: a slot must not go back to one of the same boot.
        self.displaced.retain(|_, binding| binding.boot != *boot);
        let of_boot = self.bound.iter().filter(|binding| binding.boot == *boot);
        let slots: Vec<Slot> = of_boot.map(|binding| binding.slot.clone()).collect();
        for slot in &slots {
            self.vacate(slot);
        }
        !slots.is_empty()
    }

    pub(super) fn has_any_of(&self, boot: &Boot) -> bool {
        let displaced = self.displaced.values().map(|binding| &**binding);
        self.bound().chain(displaced).any(|binding| binding.boot == *boot)
    }

    pub(super) fn bound(&self) -> impl Iterator<Item = &Binding> {
        self.bound.iter()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bound.is_empty() && self.displaced.is_empty()
    }

    fn find_mut(&mut self, slot: &Slot, session: SessionId) -> Option<&mut Binding> {
        match self.place(slot) {
            Ok(idx) if self.bound[idx].session == session => self.bound.get_mut(idx),
            _ => self.displaced.get_mut(&session).map(|binding| &mut **binding),
        }
    }

    fn bind(&mut self, binding: Binding) {
        self.generation_latest = self.generation_latest.max(binding.generation);
        match self.place(&binding.slot) {
            Ok(idx) => {
                let loser = std::mem::replace(&mut self.bound[idx], binding);
                self.displaced.insert(loser.session, Box::new(loser));
            }
            Err(idx) => {
                self.bound.reserve_exact(1);
                self.bound.insert(idx, binding);
            }
        }
    }

    /// Where the holder of a slot is, or would be.
    fn place(&self, slot: &Slot) -> Result<usize, usize> {
        self.bound.binary_search_by(|binding| binding.slot.cmp(slot))
    }

    fn holder(&self, slot: &Slot) -> Option<&Binding> {
        self.place(slot).ok().map(|idx| &self.bound[idx])
    }

    fn holder_mut(&mut self, slot: &Slot) -> Option<&mut Binding> {
        self.place(slot).ok().map(|idx| &mut self.bound[idx])
    }

    fn vacate(&mut self, slot: &Slot) -> Option<Binding> {
        let leaver = self.place(slot).ok().map(|idx| self.bound.remove(idx));
        let newest = |wanted: &dyn Fn(&Slot) -> bool| {
            let candidates = self.displaced.values().filter(|binding| wanted(&binding.slot));
            candidates.max_by_key(|binding| binding.generation).map(|binding| binding.session)
        };
        // A slot that stands empty while somebody who held it is displaced was taken from it by the limit of slots, and there is room again.
        let heir = newest(&|held| held == slot).or_else(|| newest(&|held| self.holder(held).is_none()));
        if let Some(binding) = heir.and_then(|session| self.displaced.remove(&session)) {
            self.bind(*binding);
        }
        leaver
    }

    fn displaced(&self) -> Vec<Displaced> {
        let told = |binding: &Binding| Displaced {
            session: binding.session,
            slot: binding.slot.clone(),
            boot: binding.boot.clone(),
            generation: binding.generation,
        };
        self.displaced.values().map(|binding| told(binding)).collect()
    }
}
