//! What the databases of an engine have in common: they are checked when they are opened, kept aside when they are damaged,
//! and copied from time to time, so that there is something to go on with.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Error, ErrorCode, ffi};

/// What a damaged database is called, before the time.
const DAMAGED: &str = ".damaged-";
/// Databases found damaged within the same second.
const MOST: u32 = 100;
/// What a database is by SQLite's header and `file`: `Teu` and a number.
const APPLICATION_ID: u32 = u32::from_be_bytes(*b"Teu\x01");

/// Gets a database's log onto the disk and moves it into the database; answers how many pages it had. With a connection of its own nobody
/// else waits for that, and hardly anybody afterwards: whoever writes first into a log that begins anew waits until its head
/// is on the disk, so that is done here, with a write that changes nothing.
///
/// # Errors
/// If the disk fails.
pub fn checkpoint(db: &Connection) -> rusqlite::Result<i64> {
    db.pragma_update(None, "synchronous", "normal")?;
    let pages = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1))?;
    db.pragma_update(None, "application_id", APPLICATION_ID)?;
    Ok(pages)
}

/// Looks for damage.
///
/// # Errors
/// What was found, as an error for [`is_damage`]; the database cannot be read.
pub fn check(db: &Connection) -> rusqlite::Result<()> {
    let found: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(damage(found)) }
}

/// An error for [`is_damage`].
#[must_use]
pub fn damage(what: String) -> Error {
    Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), Some(what))
}

/// Whether an error says that a database is damaged, rather than that it cannot be used at the moment.
#[must_use]
pub fn is_damage(error: &Error) -> bool {
    match error {
        Error::SqliteFailure(error, _) => matches!(error.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase),
        Error::InvalidColumnType(..) | Error::FromSqlConversionFailure(..) | Error::IntegralValueOutOfRange(..) => true,
        _ => false,
    }
}

/// Whether there is nothing in a database that has been copied before: somebody took it away.
///
/// # Errors
/// The database cannot be read.
pub fn is_emptied(db: &Connection, path: &Path) -> rusqlite::Result<bool> {
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(tables == 0 && copy_path(path).exists())
}

/// Keeps a database aside, with its log; returns where.
///
/// # Errors
/// It cannot be renamed.
pub fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H-%M-%SZ");
    let free = |number: u32| {
        let number = if number == 0 { String::new() } else { format!("-{number}") };
        Some(with(path, &format!("{DAMAGED}{time}{number}"))).filter(|aside| !aside.exists())
    };
    let aside = (0..MOST).find_map(free).ok_or(io::ErrorKind::AlreadyExists)?;
    for part in ["", "-wal"] {
        there(fs::rename(with(path, part), with(&aside, part)))?;
    }
    // It is made from the log.
    there(fs::remove_file(with(path, "-shm")))?;
    Ok(aside)
}

/// Copies a database to beside it.
///
/// # Errors
/// The copy cannot be written; an earlier one stays.
pub fn copy(db: &Connection, path: &Path) -> io::Result<()> {
    let new = with(path, ".copy.new");
    there(fs::remove_file(&new))?;
    let name = new.to_str().ok_or(io::ErrorKind::InvalidFilename)?;
    db.execute("VACUUM INTO ?1", [name]).map_err(io::Error::other)?;
    fs::rename(&new, copy_path(path))
}

/// Puts the copy in the place of a database that was set aside; false if there is none.
///
/// # Errors
/// It cannot be written.
pub fn restore(path: &Path) -> io::Result<bool> {
    let copy = copy_path(path);
    if !copy.exists() {
        return Ok(false);
    }
    fs::copy(copy, path).map(|_| true)
}

/// Removes a copy that turned out to be damaged.
///
/// # Errors
/// It cannot be removed.
pub fn forget_copy(path: &Path) -> io::Result<()> {
    there(fs::remove_file(copy_path(path)))
}

/// The damaged databases that are kept in a folder.
#[must_use]
pub fn kept(folder: &Path) -> Vec<PathBuf> {
    let is_one = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.contains(DAMAGED) && name.ends_with(|last: char| last == 'Z' || last.is_ascii_digit())
    };
    let mut found: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    found.retain(is_one);
    found.sort();
    found
}

fn copy_path(path: &Path) -> PathBuf {
    with(path, ".copy")
}

fn with(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// What is not there need not be changed.
fn there(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_database_is_told_kept_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let open = || Connection::open(&path).unwrap();
        let db = open();
        assert!(!is_emptied(&db, &path).unwrap(), "there never was anything");
        db.execute_batch("CREATE TABLE t (x TEXT); INSERT INTO t VALUES ('kept')").unwrap();
        check(&db).unwrap();
        copy(&db, &path).unwrap();
        copy(&db, &path).unwrap();
        drop(db);
        fs::write(&path, [0x5a; 10_000]).unwrap();
        assert!(is_damage(&check(&open()).unwrap_err()));
        fs::write(&path, "").unwrap();
        assert!(is_emptied(&open(), &path).unwrap());
        let (first, second) = (set_aside(&path).unwrap(), set_aside(&path).unwrap());
        assert!(first.exists() && !path.exists());
        assert_ne!(first, second.with_extension(""));
        assert_eq!(kept(folder.path()), [first]);
        assert!(restore(&path).unwrap());
        let text: String = open().query_row("SELECT x FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!(text, "kept");
        let full = Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), None);
        assert!(!is_damage(&full));
    }

    #[test]
    fn a_log_begins_anew_before_anybody_writes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let writer = Connection::open(&path).unwrap();
        writer.execute_batch("PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (x)").unwrap();
        // The salt in the log's header changes each time that it begins anew: https://sqlite.org/fileformat.html#the_write_ahead_log
        let salt = || fs::read(with(&path, "-wal")).unwrap()[16..24].to_vec();
        for _ in 0..3 {
            writer.execute_batch("INSERT INTO t VALUES (1)").unwrap();
            let before = salt();
            assert!(checkpoint(&Connection::open(&path).unwrap()).unwrap() > 0);
            let anew = salt();
            assert_ne!(anew, before);
            writer.execute_batch("INSERT INTO t VALUES (1)").unwrap();
            assert_eq!(salt(), anew, "a writer has had to begin the log");
        }
    }
}
