//! Byte sizes: `512m`, `1.5GiB`, `64KB`.

use anyhow::bail;

/// Parses a size in which every unit is a power of 1024 (`k`, `kb` and `KiB` are the same), in bytes.
///
/// Follows go-units' `RAMInBytes`, which Docker uses for every memory flag.
pub(crate) fn ram_bytes(text: &str) -> anyhow::Result<i64> {
    let Some(last) = text.rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ') else {
        bail!("invalid size: '{text}'");
    };
    let number = if text.as_bytes()[last] == b' ' { &text[..last] } else { &text[..=last] };
    let unit = &text[last + 1..];
    let Ok(value) = number.parse::<f64>() else {
        bail!("invalid size: '{text}'");
    };
    if value < 0.0 || !value.is_finite() {
        bail!("invalid size: '{text}'");
    }
    Ok(saturate(value * multiplier(unit)?))
}

/// Like [`ram_bytes`], where `-1` stands for "unlimited".
pub(crate) fn swap_bytes(text: &str) -> anyhow::Result<i64> {
    if text == "-1" { Ok(-1) } else { ram_bytes(text) }
}

fn multiplier(unit: &str) -> anyhow::Result<f64> {
    let lower = unit.to_ascii_lowercase();
    let (exponent, rest) = match lower.as_bytes() {
        [] => return Ok(1.0),
        [b'b', rest @ ..] => (0, if rest.is_empty() { &b"b"[..] } else { rest }),
        [b'k', rest @ ..] => (1, rest),
        [b'm', rest @ ..] => (2, rest),
        [b'g', rest @ ..] => (3, rest),
        [b't', rest @ ..] => (4, rest),
        [b'p', rest @ ..] => (5, rest),
        _ => bail!("invalid suffix: '{lower}'"),
    };
    let valid = if exponent == 0 { lower == "b" } else { matches!(rest, b"" | b"b" | b"ib") };
    if !valid {
        bail!("invalid suffix: '{lower}'");
    }
    Ok(1024f64.powi(exponent))
}

#[expect(clippy::cast_possible_truncation, reason = "`as` saturates, which is what a size beyond 8 EiB should do")]
fn saturate(bytes: f64) -> i64 {
    bytes as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_dockers_spellings() {
        let cases = [
            ("0", 0),
            ("32", 32),
            ("32b", 32),
            ("32k", 32 << 10),
            ("32KB", 32 << 10),
            ("32Kib", 32 << 10),
            ("32 mb", 32 << 20),
            ("1.5g", 3 << 29),
            ("2t", 2 << 40),
            ("1pib", 1 << 50),
            ("9999999p", i64::MAX),
        ];
        for (text, want) in cases {
            assert_eq!(ram_bytes(text).unwrap(), want, "{text}");
        }
    }

    #[test]
    fn rejects_with_dockers_words() {
        let cases = [
            ("abc", "invalid size: 'abc'"),
            ("", "invalid size: ''"),
            ("-5", "invalid size: '-5'"),
            ("5x", "invalid suffix: 'x'"),
            ("5kbb", "invalid suffix: 'kbb'"),
            ("5bb", "invalid suffix: 'bb'"),
            ("5kilo", "invalid suffix: 'kilo'"),
            ("1.2.3m", "invalid size: '1.2.3m'"),
        ];
        for (text, want) in cases {
            assert_eq!(ram_bytes(text).unwrap_err().to_string(), want, "{text}");
        }
    }

    #[test]
    fn only_swap_knows_minus_one() {
        assert_eq!(swap_bytes("-1").unwrap(), -1);
        assert!(ram_bytes("-1").is_err());
    }
}
