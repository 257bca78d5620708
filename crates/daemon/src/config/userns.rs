//! `--userns-remap`: whose ranges of subordinate ids the containers' users become.
//!
//! As with Docker, `default` means the user `dockremap`. Docker creates that user and its ranges if they are missing; here
//! nothing is written to `/etc`: the error says which lines belong there.

use std::path::Path;

use teu_oci::runtime::{IdMapping, IdMaps};

/// The user that `default` stands for.
const DEFAULT: &str = "dockremap";
/// Where ranges begin if there are none yet, as with `useradd`.
const FIRST: u32 = 100_000;
/// How many ids a range has, as with `useradd`.
const COUNT: u32 = 65_536;

/// The maps that a setting means; none if containers live in the host's user namespace. `etc` is `/etc`.
pub(super) fn resolve(setting: &str, etc: &Path) -> Result<Option<IdMaps>, String> {
    let invalid = || format!("invalid user/group specification in userns-remap: {setting:?}");
    let (user, group) = match setting.split_once(':') {
        Some((user, group)) if !user.is_empty() && !group.is_empty() && !group.contains(':') => (user, Some(group)),
        Some(_) => return Err(invalid()),
        None if setting.is_empty() => return Ok(None),
        None => (setting, None),
    };
    let user = if user == "default" { DEFAULT } else { user };
    let names = names(&read(etc, "passwd"), user);
    if let Some(group) = group
        && self::names(&read(etc, "group"), group).len() < 2
    {
        return Err(format!("userns-remap: group {group} is not in {}", etc.join("group").display()));
    }
    if names.iter().any(|name| name == "root" || name == "0") {
        tracing::warn!("root cannot be remapped with itself: containers live in the host's user namespace");
        return Ok(None);
    }
    let range = |file: &str| ranges(&read(etc, file), &names).map_err(|reason| explained(etc, file, user, &reason));
    Ok(Some(IdMaps { uids: range("subuid")?, gids: range("subgid")? }))
}

/// A file that may not be there.
fn read(etc: &Path, file: &str) -> String {
    std::fs::read_to_string(etc.join(file)).unwrap_or_default()
}

/// What somebody is called in files: as given, and the name and number of a line in `passwd` or `group` that is about them.
fn names(file: &str, given: &str) -> Vec<String> {
    let mut names = vec![given.to_owned()];
    for line in file.lines() {
        let mut fields = line.split(':');
        let (Some(name), Some(_), Some(number)) = (fields.next(), fields.next(), fields.next()) else { continue };
        if name == given || number == given {
            names.extend([name.to_owned(), number.to_owned()]);
            break;
        }
    }
    names
}

/// The ranges that belong to one of these names, one after the other inside (`subuid(5)`).
fn ranges(file: &str, names: &[String]) -> Result<Vec<IdMapping>, String> {
    let mut maps = Vec::new();
    let mut inside = 0u32;
    for (name, start, count) in lines(file).filter(|(name, ..)| names.iter().any(|known| known == name)) {
        let end = start.checked_add(count);
        let (Some(_), Some(next)) = (end, inside.checked_add(count)) else {
            return Err(format!("the range {start}:{count} of {name} is out of bounds"));
        };
        maps.push(IdMapping { container_id: inside, host_id: start, size: count });
        inside = next;
    }
    if maps.is_empty() { Err("no ranges found".to_owned()) } else { Ok(maps) }
}

/// Lines of the form `name:start:count`; others are not looked at, as by `newuidmap`.
fn lines(file: &str) -> impl Iterator<Item = (&str, u32, u32)> {
    file.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let (name, start, count) = (fields.next()?, fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        (fields.next().is_none() && count > 0).then_some((name, start, count))
    })
}

/// Docker's words, and what to do.
fn explained(etc: &Path, file: &str, user: &str, reason: &str) -> String {
    let taken = ["subuid", "subgid"].map(|file| {
        lines(&read(etc, file)).map(|(_, start, count)| start.saturating_add(count)).max().unwrap_or(FIRST)
    });
    let free = taken.into_iter().max().unwrap_or(FIRST).max(FIRST);
    format!(
        "can't create ID mappings: {reason} for user {user:?} in {file}: put the line {user}:{free}:{COUNT} into {} and {}, \
         or name another user with --userns-remap",
        etc.join("subuid").display(),
        etc.join("subgid").display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn etc(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        folder
    }

    fn map(container_id: u32, host_id: u32, size: u32) -> IdMapping {
        IdMapping { container_id, host_id, size }
    }

    #[test]
    fn users_by_name_and_number() {
        let folder = etc(&[
            ("passwd", "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/:/bin/sh\n"),
            ("group", "staff:x:50:\n"),
            ("subuid", "# ranges\nann:100000:65536\nbob:165536:65536\n1000:500000:10\n"),
            ("subgid", "ann:200000:65536\ndockremap:300000:1\n"),
        ]);
        let resolve = |text: &str| resolve(text, folder.path());
        let maps = resolve("ann").unwrap().unwrap();
        assert_eq!(maps.uids, [map(0, 100_000, 65_536), map(65_536, 500_000, 10)]);
        assert_eq!(maps.gids, [map(0, 200_000, 65_536)]);
        assert_eq!(resolve("1000:staff").unwrap().unwrap(), maps);
        assert_eq!(resolve("1000:50").unwrap().unwrap(), maps);
        assert_eq!(resolve(""), Ok(None));
        assert_eq!(resolve("root"), Ok(None));
        assert_eq!(
            resolve("0:0").unwrap_err(),
            format!("userns-remap: group 0 is not in {}/group", folder.path().display())
        );
        for bad in [":", "a:", ":b", "a:b:c"] {
            assert!(resolve(bad).unwrap_err().starts_with("invalid user/group specification"), "{bad}");
        }
    }

    #[test]
    fn the_missing_line_is_said() {
        let folder = etc(&[("subuid", "ann:100000:65536\n"), ("subgid", "ann:300000:65536\nx:1:y\n")]);
        let error = resolve("default", folder.path()).unwrap_err();
        assert!(
            error.starts_with("can't create ID mappings: no ranges found for user \"dockremap\" in subuid"),
            "{error}"
        );
        assert!(error.contains("put the line dockremap:365536:65536 into "), "{error}");
        let empty = etc(&[]);
        assert!(resolve("default", empty.path()).unwrap_err().contains("dockremap:100000:65536"));
    }

    #[test]
    fn ranges_stay_in_bounds() {
        let folder = etc(&[("subuid", "a:4294967295:2\n"), ("subgid", "a:1:1\n")]);
        assert!(resolve("a", folder.path()).unwrap_err().contains("out of bounds"));
    }
}
