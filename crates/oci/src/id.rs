//! Identifiers of containers, networks, execs: 64 hex digits, abbreviated to 12.

/// How many digits Docker shows of an id.
const SHORT_LEN: usize = 12;

/// A new id of 64 lower-case hex digits from the caller's source of randomness, which fills the 32 bytes it is given.
///
/// Ids whose abbreviation is all decimal digits are skipped, as Docker does: the abbreviation becomes the host name,
/// and a numeric host name is taken for an address by some programs.
pub fn random_id(mut fill: impl FnMut(&mut [u8; 32])) -> String {
    loop {
        let mut bytes = [0; 32];
        fill(&mut bytes);
        let id = hex::encode(bytes);
        if id.bytes().take(SHORT_LEN).any(|b| !b.is_ascii_digit()) {
            return id;
        }
    }
}

/// The abbreviation of an id or digest: its first 12 digits, without `sha256:`.
pub fn short(id: &str) -> &str {
    let id = id.split_once(':').map_or(id, |(_, value)| value);
    id.get(..SHORT_LEN).unwrap_or(id)
}

/// Whether `text` has the form of a full id: 64 lower-case hex digits.
pub fn is_full(text: &str) -> bool {
    text.len() == 64 && is_prefix(text)
}

/// Whether `text` can be the beginning of an id: 1 to 64 lower-case hex digits.
pub fn is_prefix(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_digit_abbreviations_are_skipped() {
        let mut tries = vec![[0xab; 32], [0x12; 32]];
        let id = random_id(|bytes| *bytes = tries.pop().unwrap());
        assert_eq!(id, "ab".repeat(32));
        assert!(is_full(&id));
    }

    #[test]
    fn abbreviation() {
        assert_eq!(short("sha256:0123456789abcdef"), "0123456789ab");
        assert_eq!(short("0123456789abcdef"), "0123456789ab");
        assert_eq!(short("abc"), "abc");
    }

    #[test]
    fn prefixes() {
        assert!(is_prefix("a") && is_prefix("0f"));
        assert!(!is_prefix("") && !is_prefix("A") && !is_prefix("xyz") && !is_prefix(&"a".repeat(65)));
    }
}
