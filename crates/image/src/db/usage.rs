//! Sums of sizes.

use super::{Database, count, digest};
use crate::error::Result;
use crate::store::{ImageUsage, StoreUsage};

impl Database {
    /// What layers take on disk: in sum, without those below these snapshots, and by image.
    pub(crate) fn usage(&self, kept: &[String]) -> Result<StoreUsage> {
        let connection = self.lock();
        let sums = "SELECT coalesce(sum(disk_size), 0), coalesce(sum(CASE WHEN diff_id NOT IN
                (SELECT diff_id FROM snapshot_layers WHERE key IN (SELECT value FROM json_each(?1)))
                THEN disk_size ELSE 0 END), 0)
             FROM layers";
        let kept = serde_json::Value::from(kept).to_string();
        let (total, reclaimable) = connection.query_row(sums, [kept], |row| Ok((count(row, 0)?, count(row, 1)?)))?;
        // An image may have the same layer twice; it is stored once.
        let mut statement = connection.prepare_cached(
            "SELECT own.image, sum(l.disk_size), sum(CASE WHEN EXISTS
                (SELECT 1 FROM image_layers o WHERE o.diff_id = own.diff_id AND o.image <> own.image)
                THEN l.disk_size ELSE 0 END)
             FROM (SELECT DISTINCT image, diff_id FROM image_layers) own JOIN layers l USING (diff_id)
             GROUP BY own.image",
        )?;
        let row = |row: &rusqlite::Row<'_>| {
            Ok((digest(row, 0)?, ImageUsage { whole: count(row, 1)?, shared: count(row, 2)? }))
        };
        let images = statement.query_map([], row)?.collect::<rusqlite::Result<_>>()?;
        Ok(StoreUsage { total, reclaimable, images })
    }
}
