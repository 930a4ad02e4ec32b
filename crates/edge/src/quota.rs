//! How many sessions one client address may have.
//!
//! IPv6 addresses are counted by their /64, which is what one customer of a provider usually gets: counting single addresses
//! would limit nobody.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts per address. Clones count together.
#[derive(Debug, Clone)]
pub struct AddressQuota {
    max: usize,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl AddressQuota {
    /// At most `max` an address; 0 is no limit.
    pub fn new(max: usize) -> AddressQuota {
        AddressQuota { max, taken: Arc::default() }
    }

    /// A place for `address`, given back when it is dropped; `None` when the address has its share already.
    pub fn take(&self, address: IpAddr) -> Option<AddressPlace> {
        let counted = network(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(counted).or_default();
        if self.max != 0 && *count >= self.max {
            return None;
        }
        *count += 1;
        Some(AddressPlace { address: counted, taken: Arc::clone(&self.taken) })
    }

    /// How many places `address` holds.
    pub fn taken(&self, address: IpAddr) -> usize {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.get(&network(address)).copied().unwrap_or_default()
    }
}

/// One place of an address.
#[derive(Debug)]
pub struct AddressPlace {
    address: IpAddr,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Drop for AddressPlace {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

/// What an address is counted as.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_address_that_has_its_share_keeps_no_other_address_out() {
        let quota = AddressQuota::new(2);
        let held: Vec<_> = (0..3).map(|_| quota.take(ip("192.0.2.1"))).collect();
        assert_eq!(held.iter().flatten().count(), 2);
        assert!(quota.take(ip("192.0.2.2")).is_some());
        drop(held);
        assert_eq!(quota.taken(ip("192.0.2.1")), 0);
        assert!(
            quota.taken.lock().expect("lock").is_empty(),
            "an address without sessions leaves nothing behind"
        );
    }

    #[test]
    fn addresses_of_one_customer_count_together_and_mapped_ones_as_ipv4() {
        let quota = AddressQuota::new(1);
        let _held = (quota.take(ip("2001:db8:1:2::1")), quota.take(ip("::ffff:192.0.2.1")));
        assert!(quota.take(ip("2001:db8:1:2:ffff::9")).is_none());
        assert!(quota.take(ip("2001:db8:1:3::1")).is_some());
        assert!(quota.take(ip("192.0.2.1")).is_none());
    }

    #[test]
    fn zero_is_no_limit() {
        let quota = AddressQuota::new(0);
        let held: Vec<_> = (0..100).filter_map(|_| quota.take(ip("192.0.2.1"))).collect();
        assert_eq!(held.len(), 100);
    }
}
