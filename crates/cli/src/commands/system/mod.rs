//! `system`, and the commands about the engine itself.

pub(super) mod completion;
pub(super) mod df;
pub(super) mod dial_stdio;
pub(super) mod events;
pub(super) mod info;
pub(super) mod prune;
pub(super) mod version;

use crate::error::Error;
use crate::format::template::Template;

/// What `--format` of these commands asks for; none if it is empty.
fn template(format: &str) -> Result<Option<Template>, Error> {
    let text = match format {
        "" => None,
        "json" => Some("{{json .}}"),
        text => Some(text),
    };
    let failed = |error| Error::Failed { message: format!("template parsing error: {error}"), code: 64 };
    text.map(Template::parse).transpose().map_err(failed)
}
