//! Go's `path.Match`, with which Docker compares references.

/// Whether `text` matches `pattern`: `*` and `?` match anything but `/`, `[a-z]` and `[^a]` a character, `\` quotes.
///
/// `None` if the pattern is malformed.
pub(crate) fn matches(pattern: &str, text: &str) -> Option<bool> {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    check(&pattern)?;
    Some(match_here(&pattern, &text))
}

/// Every class is closed and nothing is quoted at the end.
fn check(mut pattern: &[char]) -> Option<()> {
    while let [first, rest @ ..] = pattern {
        pattern = match first {
            '\\' => rest.get(1..)?,
            '[' => class(rest, '\0')?.1,
            _ => rest,
        };
    }
    Some(())
}

/// Tries a pattern without recursion: on a mismatch only the last star can take more.
fn match_here(mut pattern: &[char], mut text: &[char]) -> bool {
    let mut retry: Option<(&[char], &[char])> = None;
    loop {
        let stepped = match (pattern, text) {
            ([], []) => return true,
            (['*', rest @ ..], _) => {
                retry = Some((rest, text));
                pattern = rest;
                continue;
            }
            (_, []) | ([], _) => None,
            _ => one(pattern, text[0]).map(|rest| (rest, &text[1..])),
        };
        (pattern, text) = match (stepped, retry) {
            (Some(next), _) => next,
            (None, Some((after_star, ['/', ..] | []))) => {
                let _ = after_star;
                return false;
            }
            (None, Some((after_star, [_, shorter @ ..]))) => {
                retry = Some((after_star, shorter));
                (after_star, shorter)
            }
            (None, None) => return false,
        };
    }
}

/// The pattern behind one that matched `c`.
fn one(pattern: &[char], c: char) -> Option<&[char]> {
    match pattern {
        ['?', rest @ ..] => (c != '/').then_some(rest),
        ['[', rest @ ..] => class(rest, c).and_then(|(matched, rest)| matched.then_some(rest)),
        ['\\', quoted, rest @ ..] => (*quoted == c).then_some(rest),
        [plain, rest @ ..] => (*plain == c).then_some(rest),
        [] => None,
    }
}

/// Whether `c` is in the class that begins here, and what follows it. `None` if it is malformed.
fn class(mut pattern: &[char], c: char) -> Option<(bool, &[char])> {
    let negated = pattern.first() == Some(&'^');
    if negated {
        pattern = &pattern[1..];
    }
    let mut matched = false;
    let mut empty = true;
    loop {
        if let ([']', rest @ ..], false) = (pattern, empty) {
            return Some((matched != negated, rest));
        }
        empty = false;
        let (low, rest) = class_char(pattern)?;
        let (high, rest) = match rest {
            ['-', rest @ ..] => class_char(rest)?,
            _ => (low, rest),
        };
        matched |= (low..=high).contains(&c);
        pattern = rest;
    }
}

fn class_char(pattern: &[char]) -> Option<(char, &[char])> {
    match pattern {
        ['\\', quoted, rest @ ..] => Some((*quoted, rest)),
        [] | ['-' | ']' | '\\', ..] => None,
        [plain, rest @ ..] => Some((*plain, rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    /// From the documentation and tests of Go's `path` package.
    #[test]
    fn as_go_does() {
        for (pattern, text, expected) in [
            ("abc", "abc", Some(true)),
            ("*", "abc", Some(true)),
            ("*c", "abc", Some(true)),
            ("a*", "ab/c", Some(false)),
            ("a*/b", "abc/b", Some(true)),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", Some(true)),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", Some(false)),
            ("a*b?c*x", "abxbbxdbxebxczzx", Some(true)),
            ("ab[c]", "abc", Some(true)),
            ("ab[b-d]", "abc", Some(true)),
            ("ab[e-g]", "abc", Some(false)),
            ("ab[^c]", "abc", Some(false)),
            ("a\\*b", "a*b", Some(true)),
            ("a\\*b", "ab", Some(false)),
            ("a?b", "a☺b", Some(true)),
            ("a[^a]b", "a☺b", Some(true)),
            ("a?b", "a/b", Some(false)),
            ("[\\]a]", "]", Some(true)),
            ("[]a]", "]", None),
            ("[-]", "-", None),
            ("[x-]", "x", None),
            ("[a-b-c]", "a", None),
            ("[", "a", None),
            ("a[", "a", None),
            ("\\", "a", None),
            ("*x", "xxx", Some(true)),
            ("", "", Some(true)),
            ("", "a", Some(false)),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
