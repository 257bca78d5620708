//! A database that is damaged: kept aside, and replaced by its last copy and by what can still be read of it.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, params};
use teu_image::database;

use super::{ContainerRow, Contents, schema};
use crate::Error;
use crate::container::read_stored;

/// Opens the database, or what takes its place if it is damaged.
pub(super) fn open(path: &Path) -> Result<(Connection, Contents), Error> {
    match attempt(path, true) {
        Err(Error::Store(error)) if database::is_damage(&error) => rebuild(path, &error),
        opened => opened,
    }
}

/// `expected`: where there is a copy, an empty database is a damaged one.
fn attempt(path: &Path, expected: bool) -> Result<(Connection, Contents), Error> {
    let mut db = Connection::open(path)?;
    database::check(&db)?;
    if expected && database::is_emptied(&db, path)? {
        return Err(database::damage("it is empty".to_owned()).into());
    }
    schema::prepare(&mut db)?;
    let contents = schema::read(&db)?;
    Ok((db, contents))
}

fn rebuild(path: &Path, damage: &rusqlite::Error) -> Result<(Connection, Contents), Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    let aside = database::set_aside(path).map_err(failed)?;
    let saved = salvage(&aside);
    database::restore(path).map_err(failed)?;
    let (mut db, _) = match attempt(path, false) {
        Err(Error::Store(error)) if database::is_damage(&error) => {
            database::set_aside(path).map_err(failed)?;
            attempt(path, false)
        }
        opened => opened,
    }?;
    merge(&mut db, &saved)?;
    let contents = Contents { rebuilt: true, ..schema::read(&db)? };
    let (kept, containers) = (aside.display(), contents.containers.len());
    tracing::error!(%damage, %kept, containers, "the state database is damaged: it is kept aside, and rebuilt from its copy and what can be read of it");
    Ok((db, contents))
}

/// The containers that can still be read, by id and name.
fn salvage(path: &Path) -> BTreeMap<(String, String), ContainerRow> {
    let mut saved = BTreeMap::new();
    let Ok(db) = Connection::open(path) else { return saved };
    // From both ends up to the damage.
    for order in ["ASC", "DESC"] {
        let query = format!("SELECT id, name, definition, state FROM containers ORDER BY id {order}");
        let Ok(mut statement) = db.prepare(&query) else { continue };
        let Ok(mut rows) = statement.query([]) else { continue };
        while let Ok(Some(row)) = rows.next() {
            let (Ok(id), Ok(name)) = (row.get::<_, String>(0), row.get(1)) else { continue };
            let (Ok(definition), Ok(state)) = (row.get(2), row.get(3)) else { continue };
            let row = ContainerRow { definition, state };
            if read_stored(&row).is_ok_and(|view| view.definition.id == id) {
                saved.insert((id, name), row);
            }
        }
    }
    saved
}

/// Puts them in the place of what the copy has of them: they are newer.
fn merge(db: &mut Connection, saved: &BTreeMap<(String, String), ContainerRow>) -> rusqlite::Result<()> {
    let tx = db.transaction()?;
    for ((id, name), row) in saved {
        let query = "INSERT OR REPLACE INTO containers VALUES (?1, ?2, ?3, ?4)";
        tx.execute(query, params![id, name, row.definition, row.state])?;
    }
    tx.commit()
}
