//! Text of strangers on our terminal.

/// A line without what would change the reader's terminal.
pub(crate) fn printable(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' if chars.peek() == Some(&'[') => {
                // A control sequence ends with its first letter.
                chars.by_ref().find(|c| ('@'..='~').contains(c) && *c != '[');
            }
            '\t' => out.push_str("    "),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn lines_leave_the_terminal_alone() {
        assert_eq!(printable("\u{1b}[31mred\u{1b}[0m\ta\r"), "red    a");
        assert_eq!(printable("\u{1b}]0;title\u{7}x"), "]0;titlex");
    }
}
