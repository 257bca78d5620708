//! The order of names in which `web2` stands before `web10`.

use std::cmp::Ordering;

/// Compares names, runs of digits by their value.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let (left, right) = match (a.first(), b.first()) {
            (Some(left), Some(right)) => (left, right),
            _ => return a.len().cmp(&b.len()),
        };
        let order = if left.is_ascii_digit() && right.is_ascii_digit() {
            let (x, y) = (digits(&mut a), digits(&mut b));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            let order = left.cmp(right);
            a = &a[1..];
            b = &b[1..];
            order
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Takes the digits off the front, and gives them without leading zeros.
fn digits<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    *text = rest;
    let zeros = number.iter().position(|byte| *byte != b'0').unwrap_or(number.len());
    &number[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count() {
        let mut names = ["web10", "web2", "db", "web", "web02", "a1b10", "a1b9"];
        names.sort_by(|a, b| compare(a, b));
        assert_eq!(names, ["a1b9", "a1b10", "db", "web", "web2", "web02", "web10"]);
    }
}
