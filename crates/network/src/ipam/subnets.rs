//! Choosing a subnet that nobody uses.

use crate::{AddressPool, Subnet};

/// The first subnet of the pools that overlaps with none in `used`.
pub(crate) fn choose(pools: &[AddressPool], used: &[Subnet], ipv6: bool) -> Option<Subnet> {
    pools.iter().filter(|pool| pool.base.is_ipv6() == ipv6).find_map(|pool| first_free(*pool, used))
}

fn first_free(pool: AddressPool, used: &[Subnet]) -> Option<Subnet> {
    let base = pool.base.network();
    if pool.size < base.prefix() {
        return None;
    }
    let step = 1u128.checked_shl(Subnet::new(base.address(), pool.size)?.host_bits())?;
    let end = 1u128.checked_shl(base.host_bits()).unwrap_or(u128::MAX);
    let mut offset = 0;
    while offset < end {
        let candidate = Subnet::new(base.at(offset), pool.size)?;
        let Some(taken) = used.iter().find(|u| u.overlaps(candidate)) else { return Some(candidate) };
        // Past the end of what is in the way: a large neighbour must not be walked through in small steps.
        let size = 1u128.checked_shl(taken.host_bits()).unwrap_or(u128::MAX);
        let past = match base.offset(taken.at(0)) {
            Some(start) => start.saturating_add(size),
            None => return None,
        };
        offset = past.max(offset.saturating_add(step)).checked_next_multiple_of(step)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnets(texts: &[&str]) -> Vec<Subnet> {
        texts.iter().map(|t| t.parse().unwrap()).collect()
    }

    fn pool(base: &str, size: u8) -> AddressPool {
        AddressPool { base: base.parse().unwrap(), size }
    }

    fn chosen(pools: &[AddressPool], used: &[&str]) -> Option<String> {
        choose(pools, &subnets(used), false).map(|s| s.to_string())
    }

    #[test]
    fn docker_order() {
        let pools = AddressPool::docker_defaults();
        assert_eq!(chosen(&pools, &[]).unwrap(), "172.17.0.0/16");
        assert_eq!(chosen(&pools, &["172.17.0.1/16", "172.18.5.0/24"]).unwrap(), "172.19.0.0/16");
        assert_eq!(chosen(&pools, &["172.16.0.0/12"]).unwrap(), "192.168.0.0/20");
        assert_eq!(chosen(&pools, &["172.16.0.0/12", "192.168.1.0/24"]).unwrap(), "192.168.16.0/20");
        assert_eq!(chosen(&pools, &["172.16.0.0/12", "192.168.0.0/16"]), None);
    }

    #[test]
    fn large_neighbours_are_skipped_at_once() {
        let pools = [pool("10.0.0.0/8", 24)];
        assert_eq!(chosen(&pools, &["10.0.0.0/9"]).unwrap(), "10.128.0.0/24");
        assert_eq!(chosen(&pools, &["10.0.0.0/24", "10.0.1.128/25"]).unwrap(), "10.0.2.0/24");
        let v6 = [pool("fd00::/8", 64)];
        let free = choose(&v6, &subnets(&["fd00::/9"]), true).unwrap();
        assert_eq!(free.to_string(), "fd80::/64");
    }

    #[test]
    fn impossible_pools_give_nothing() {
        assert_eq!(chosen(&[pool("10.0.0.0/24", 16)], &[]), None);
        assert_eq!(choose(&[pool("10.0.0.0/24", 24)], &[], true), None);
    }
}
