//! Networks, as clients see them; the networks themselves are `teu-network`.

mod inspect;
mod list;
