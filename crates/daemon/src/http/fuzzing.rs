//! Fuzz targets: paths of requests, and what attached clients type.

use super::hijack::Escape;
use super::path::{fold_name, split_version};

/// Paths of requests: what is left of one is its end, and a name is folded once.
pub fn paths(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok((_, rest)) = split_version(&text) {
        assert!(text.ends_with(rest) || rest == "/");
    }
    for whole in [false, true] {
        if let Some(folded) = fold_name(&text, whole) {
            assert_eq!(fold_name(&folded, whole), None, "a name is folded once");
            assert_eq!(folded.replace("%2F", "/"), text.replace("%2F", "/"));
        }
    }
}

/// Whatever is typed in whatever pieces, the process gets all of it but the keys that detach. The first line is the keys.
pub fn detach_keys(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(mut escape) = Escape::parse(text.split('\n').next().unwrap_or_default()) else { return };
    let mut at_once = escape.clone();
    let (mut one_by_one, mut whole) = (Vec::new(), Vec::new());
    let left = data.iter().any(|byte| escape.filter(&[*byte], &mut one_by_one));
    assert_eq!(at_once.filter(data, &mut whole), left);
    assert_eq!(one_by_one, whole);
    assert!(data.starts_with(&whole), "the process gets what was not typed");
}
