//! Address management: subnets out of pools, addresses out of subnets.

mod range;
mod subnets;

pub(crate) use range::Range;
pub(crate) use subnets::choose;
