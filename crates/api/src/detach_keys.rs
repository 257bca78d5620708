//! Keys that detach a client from a terminal, as Docker writes them: `ctrl-p,ctrl-q`.

/// The keys when nobody chose others: ctrl-p, ctrl-q.
pub const DEFAULT: [u8; 2] = [16, 17];

/// The text names no keys.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid detach keys ({text}) provided")]
pub struct InvalidKeys {
    text: String,
    /// The first part of it that is no key.
    pub part: String,
}

/// Reads single characters and `ctrl-` with a letter or one of `@ [ \ ] ^ _`, separated by commas, as what a terminal sends
/// for them. An empty text is the default.
///
/// # Errors
/// Something else stands between the commas.
pub fn parse(text: &str) -> Result<Vec<u8>, InvalidKeys> {
    if text.is_empty() {
        return Ok(DEFAULT.to_vec());
    }
    let read = |part: &str| key(part).ok_or_else(|| InvalidKeys { text: text.to_owned(), part: part.to_owned() });
    text.split(',').map(read).collect()
}

fn key(text: &str) -> Option<u8> {
    match (text.as_bytes(), text.strip_prefix("ctrl-").map(str::as_bytes)) {
        (_, Some([letter @ b'a'..=b'z'])) => Some(letter - b'a' + 1),
        (_, Some(b"@")) => Some(0),
        (_, Some([sign @ b'['..=b'_'])) => Some(sign - b'[' + 27),
        ([single], None) => Some(*single),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_docker_reads_them() {
        assert_eq!(parse("").unwrap(), DEFAULT);
        assert_eq!(parse("ctrl-p,ctrl-q").unwrap(), [16, 17]);
        assert_eq!(parse("ctrl-a,b,ctrl-[").unwrap(), [1, b'b', 27]);
        assert_eq!(parse("a,ctrl-@,ctrl-_,ctrl-\\").unwrap(), [b'a', 0, 31, 28]);
        for bad in ["ctrl-", "ctrl-A", "ab", "a,,b", "ctrl-1"] {
            assert_eq!(parse(bad).unwrap_err().to_string(), format!("Invalid detach keys ({bad}) provided"));
        }
        assert_eq!(parse("a,bc,d,ef").unwrap_err().part, "bc");
    }
}
