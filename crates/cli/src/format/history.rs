//! Layers in `history`.

use gotmpl::Value;
use teu_api::image::History;

use super::container::ellipsis;
use super::row::{Row, text};
use super::{image, time, units};

/// The columns of `history`.
pub(crate) const TABLE: &str = "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";
/// The columns of `history --human=false`.
pub(crate) const TABLE_PLAIN: &str = "{{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";

/// A layer of an image.
pub(crate) struct Layer {
    /// What the engine told.
    pub(crate) history: History,
    /// Ids and instructions are shown short.
    pub(crate) truncate: bool,
    /// Sizes and times are for people.
    pub(crate) human: bool,
    /// The present, in seconds since 1970.
    pub(crate) now: i64,
}

impl Row for Layer {
    const GO_TYPE: &'static str = "*image.historyContext";
    const FIELDS: &'static [(&'static str, &'static str)] = &[
        ("Comment", "COMMENT"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedBy", "CREATED BY"),
        ("CreatedSince", "CREATED"),
        ("ID", "IMAGE"),
        ("Size", "SIZE"),
    ];

    fn field(&self, name: &str) -> Value {
        let History { comment, created, created_by, id, size, .. } = &self.history;
        text(match name {
            "Comment" => comment.clone(),
            "CreatedAt" => time::rfc3339(*created),
            "CreatedBy" => {
                let line = created_by.replace('\t', " ");
                if self.truncate { ellipsis(&line, 45) } else { line }
            }
            "CreatedSince" if !self.human => time::rfc3339(*created),
            // Zero and Go's zero time stand for "unknown".
            "CreatedSince" if *created <= 0 => "N/A".to_owned(),
            "CreatedSince" => units::ago(*created, self.now),
            "ID" if self.truncate => image::short_id(id),
            "ID" => id.clone(),
            "Size" if self.human => units::human_size(*size),
            "Size" => size.to_string(),
            _ => return Value::Nil,
        })
    }
}
