//! Random identifiers.

use crate::Error;

/// Random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => {
            Err(Error::System { action: "get random bytes".to_owned(), source: std::io::Error::other(error) })
        }
    }
}

/// `N` random bytes in hexadecimal digits; networks' and endpoints' ids have 32.
pub(crate) fn hex<const N: usize>() -> Result<String, Error> {
    random::<N>().map(hex::encode)
}
