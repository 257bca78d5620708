//! Images, as far as containers and clients are concerned; the store itself is `teu-image`.

mod history;
mod import;
mod inspect;
mod list;
mod load;
mod pull;
mod remove;
mod save;
mod tag;
