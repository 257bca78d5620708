//! The group that may use unix sockets. Read from the file: a static executable has no name service.

use std::io;

/// Groups looked for when none is named.
const DEFAULTS: [&str; 2] = ["teu", "docker"];

/// The id of the named group, or of the first default that exists.
pub(super) fn owner(named: Option<&str>) -> io::Result<Option<u32>> {
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    match named {
        None => Ok(DEFAULTS.iter().find_map(|name| find(&groups, name))),
        Some("") => Ok(None),
        Some(name) => match find(&groups, name).or_else(|| name.parse().ok()) {
            Some(gid) => Ok(Some(gid)),
            None => Err(io::Error::new(io::ErrorKind::NotFound, format!("group {name} not found"))),
        },
    }
}

/// The id of a group in the text of `/etc/group` (`group(5)`).
fn find(groups: &str, name: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        fields.nth(1)?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_found_by_their_whole_name() {
        let text = "root:x:0:\ndockers:x:5:\ndocker:x:106:alice\nbroken\n";
        assert_eq!(find(text, "docker"), Some(106));
        assert_eq!(find(text, "dock"), None);
        assert_eq!(find(text, "broken"), None);
    }

    #[test]
    fn a_named_group_must_exist() {
        assert!(owner(Some("no-such-group-here")).is_err());
        assert_eq!(owner(Some("12")).unwrap(), Some(12));
        assert_eq!(owner(Some("")).unwrap(), None);
    }
}
