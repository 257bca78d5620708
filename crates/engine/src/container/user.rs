//! Whom a process runs as: `--user` and `--group-add` against the root file system's own accounts.

use std::fs::File;
use std::io::Read;
use std::os::fd::BorrowedFd;

use rustix::fs::OFlags;
use teu_oci::runtime::User;

use crate::Error;

/// More than any account file that means well; a larger one is cut.
const MOST: u64 = 4 << 20;

/// A user, with what of its account a process is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) user: User,
    /// `HOME`.
    pub(crate) home: String,
}

/// The account files of a root file system.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    passwd: String,
    group: String,
}

impl Accounts {
    /// Reads them, following links inside the root only. Files that are missing are empty.
    pub(crate) fn read(root: BorrowedFd<'_>) -> Accounts {
        Accounts { passwd: read(root, "etc/passwd"), group: read(root, "etc/group") }
    }

    /// Files with this content.
    pub(crate) fn of(passwd: &str, group: &str) -> Accounts {
        Accounts { passwd: passwd.to_owned(), group: group.to_owned() }
    }

    /// Resolves `user` (`name|uid[:group|gid]`, empty for root) and further groups.
    pub(crate) fn resolve(&self, user: &str, group_add: &[String]) -> Result<Account, Error> {
        let (wanted, group) = user.split_once(':').unwrap_or((user, ""));
        let found = self.user(wanted)?;
        let (gid, mut more) = if group.is_empty() {
            (found.gid, self.groups_of(&found.name))
        } else {
            (self.own_group(group)?, Vec::new())
        };
        for name in group_add {
            // Docker's words for the two differ in this letter.
            let missing = || Error::Invalid(format!("Unable to find group {name}: no matching entries in group file"));
            more.push(self.group(name)?.ok_or_else(missing)?);
        }
        // The primary group is also a supplementary one: otherwise a set-group-id file would drop it (CVE-2022-36109).
        let mut groups = vec![gid];
        more.retain(|g| *g != gid);
        groups.extend(more);
        groups.dedup();
        let user = User { uid: found.uid, gid, additional_gids: groups, ..User::default() };
        Ok(Account { user, home: found.home })
    }

    fn user(&self, wanted: &str) -> Result<Entry, Error> {
        let wanted = if wanted.is_empty() { "0" } else { wanted };
        let uid = number(wanted)?;
        let entries = self.passwd.lines().filter_map(parse_user);
        let by_name_then_uid =
            entries.filter(|e| e.name == wanted || Some(e.uid) == uid).min_by_key(|e| e.name != wanted);
        match (by_name_then_uid, uid) {
            (Some(entry), _) => Ok(entry),
            (None, Some(uid)) => Ok(Entry { name: String::new(), uid, gid: 0, home: "/".to_owned() }),
            (None, None) => {
                Err(Error::Invalid(format!("unable to find user {wanted}: no matching entries in passwd file")))
            }
        }
    }

    fn own_group(&self, wanted: &str) -> Result<u32, Error> {
        let missing = || Error::Invalid(format!("unable to find group {wanted}: no matching entries in group file"));
        self.group(wanted)?.ok_or_else(missing)
    }

    fn group(&self, wanted: &str) -> Result<Option<u32>, Error> {
        let gid = number(wanted)?;
        let by_name = self.group.lines().filter_map(parse_group).find(|(name, _, _)| *name == wanted);
        Ok(by_name.map(|(_, gid, _)| gid).or(gid))
    }

    fn groups_of(&self, user: &str) -> Vec<u32> {
        if user.is_empty() {
            return Vec::new();
        }
        let groups = self.group.lines().filter_map(parse_group);
        groups.filter(|(_, _, members)| members.split(',').any(|m| m == user)).map(|(_, gid, _)| gid).collect()
    }
}

/// A number, if it is one. The kernel's ids are 32 bits; Docker takes 31.
fn number(text: &str) -> Result<Option<u32>, Error> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(None);
    }
    match text.parse::<i32>().ok().and_then(|id| u32::try_from(id).ok()) {
        Some(id) => Ok(Some(id)),
        None => Err(Error::Invalid("uids and gids must be in range 0-2147483647".to_owned())),
    }
}

struct Entry {
    name: String,
    uid: u32,
    gid: u32,
    home: String,
}

/// `name:password:uid:gid:comment:home:shell`
fn parse_user(line: &str) -> Option<Entry> {
    let fields: Vec<&str> = line.split(':').collect();
    let (name, uid, gid) = (fields.first()?, fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?);
    let home = fields.get(5).filter(|h| !h.is_empty()).unwrap_or(&"/");
    Some(Entry { name: (*name).to_owned(), uid, gid, home: (*home).to_owned() })
}

/// `name:password:gid:members`
fn parse_group(line: &str) -> Option<(&str, u32, &str)> {
    let mut fields = line.split(':');
    let (name, gid) = (fields.next()?, fields.nth(1)?.parse().ok()?);
    Some((name, gid, fields.next().unwrap_or("")))
}

fn read(root: BorrowedFd<'_>, path: &str) -> String {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let Ok(fd) = teu_sys::scoped::open(root, path, flags) else { return String::new() };
    let mut bytes = Vec::new();
    match File::from(fd).take(MOST).read_to_end(&mut bytes) {
        Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
        // A directory or device by this name holds no accounts.
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::Accounts;

    fn accounts() -> Accounts {
        Accounts::of(
            "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/var/www:/bin/false\n1000:x:7:7::/odd:\n",
            "root:x:0:\nweb:x:34:\nlog:x:4:web,root\nadm:x:5:web\n",
        )
    }

    fn ids(user: &str, add: &[&str]) -> (u32, u32, Vec<u32>, String) {
        let add: Vec<String> = add.iter().map(|s| (*s).to_owned()).collect();
        let a = accounts().resolve(user, &add).expect(user);
        (a.user.uid, a.user.gid, a.user.additional_gids, a.home)
    }

    #[test]
    fn forms() {
        assert_eq!(ids("", &[]), (0, 0, vec![0, 4], "/root".to_owned()));
        assert_eq!(ids("web", &[]), (33, 34, vec![34, 4, 5], "/var/www".to_owned()));
        assert_eq!(ids("33", &["log"]), (33, 34, vec![34, 4, 5, 4], "/var/www".to_owned()));
        assert_eq!(ids("web:adm", &[]), (33, 5, vec![5], "/var/www".to_owned()));
        assert_eq!(ids("1234:99", &["77"]), (1234, 99, vec![99, 77], "/".to_owned()));
        // A name of digits is a name first.
        assert_eq!(ids("1000", &[]), (7, 7, vec![7], "/odd".to_owned()));
    }

    #[test]
    fn unknown() {
        let text = |user: &str| accounts().resolve(user, &[]).expect_err(user).to_string();
        assert_eq!(text("nobody"), "unable to find user nobody: no matching entries in passwd file");
        assert_eq!(text("0:nogroup"), "unable to find group nogroup: no matching entries in group file");
        assert_eq!(text("2147483648"), "uids and gids must be in range 0-2147483647");
        assert_eq!(text("9999999999"), "uids and gids must be in range 0-2147483647");
        assert_eq!(text("-1"), "uids and gids must be in range 0-2147483647");
        let more = accounts().resolve("0", &["nogroup".to_owned()]).expect_err("no such group");
        assert_eq!(more.to_string(), "Unable to find group nogroup: no matching entries in group file");
    }
}
