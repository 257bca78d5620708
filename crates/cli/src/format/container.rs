//! Containers in `ps`.

use gotmpl::{Value, ValueFunc};
use teu_api::container::Summary;

use super::row::{Method, Row, label_header, label_method, labels, text};
use super::{ports, time, units};

/// The columns of `ps`.
pub(crate) const TABLE: &str =
    "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";

/// A container in a list.
pub(crate) struct Container {
    /// What the engine told.
    pub(crate) summary: Summary,
    /// Ids, commands and mounts are shown short.
    pub(crate) truncate: bool,
    /// The present, in seconds since 1970.
    pub(crate) now: i64,
}

impl Row for Container {
    const GO_TYPE: &'static str = "*formatter.ContainerContext";
    const FIELDS: &'static [(&'static str, &'static str)] = &[
        ("Command", "COMMAND"),
        ("CreatedAt", "CREATED AT"),
        ("ID", "CONTAINER ID"),
        ("Image", "IMAGE"),
        ("Labels", "LABELS"),
        ("LocalVolumes", "LOCAL VOLUMES"),
        ("Mounts", "MOUNTS"),
        ("Names", "NAMES"),
        ("Networks", "NETWORKS"),
        ("Platform", "PLATFORM"),
        ("Ports", "PORTS"),
        ("RunningFor", "CREATED"),
        ("Size", "SIZE"),
        ("State", "STATE"),
        ("Status", "STATUS"),
    ];
    const METHODS: &'static [Method] = &[("Label", label_header)];

    fn field(&self, name: &str) -> Value {
        let summary = &self.summary;
        text(match name {
            "Command" => self.command(),
            "CreatedAt" => time::created_at(summary.created),
            "ID" => self.id(),
            "Image" => self.image(),
            "Labels" => labels(&summary.labels),
            "LocalVolumes" => summary.mounts.iter().filter(|mount| mount.driver == "local").count().to_string(),
            "Mounts" => self.mounts(),
            "Names" => self.names(),
            "Networks" => summary.network_settings.networks.keys().cloned().collect::<Vec<_>>().join(","),
            "Ports" => ports::describe(&summary.ports),
            "RunningFor" => units::ago(summary.created, self.now),
            "Size" => self.size(),
            "State" => summary.state.clone(),
            "Status" => summary.status.clone(),
            _ => return Value::Nil,
        })
    }

    fn method(&self, _name: &str) -> ValueFunc {
        label_method(&self.summary.labels)
    }
}

impl Container {
    fn id(&self) -> String {
        let id = &self.summary.id;
        if self.truncate { id.chars().take(12).collect() } else { id.clone() }
    }

    /// All names, or when short, without those through links (`/other/alias`).
    fn names(&self) -> String {
        let names = self.summary.names.iter().map(|name| name.strip_prefix('/').unwrap_or(name));
        names.filter(|name| !self.truncate || !name.contains('/')).collect::<Vec<_>>().join(",")
    }

    fn image(&self) -> String {
        let Summary { image, image_id, .. } = &self.summary;
        if image.is_empty() {
            return "<no image>".to_owned();
        }
        if !self.truncate {
            return image.clone();
        }
        let short = |id: &str| id.strip_prefix("sha256:").unwrap_or(id).chars().take(12).collect::<String>();
        if short(image) == short(image_id) {
            return short(image);
        }
        // A digest is not for eyes: `name@sha256:…` is shown as `name`, a tag is kept.
        match image.split_once('@') {
            Some((name, _)) => name.to_owned(),
            None => image.clone(),
        }
    }

    fn command(&self) -> String {
        let command = &self.summary.command;
        let shown = if self.truncate { ellipsis(command, 20) } else { command.clone() };
        format!("{}", GoQuoted(&shown))
    }

    fn mounts(&self) -> String {
        let name = |mount: &teu_api::container::MountPoint| {
            let name = if mount.name.is_empty() { &mount.source } else { &mount.name };
            if self.truncate { ellipsis(name, 15) } else { name.clone() }
        };
        self.summary.mounts.iter().map(name).collect::<Vec<_>>().join(",")
    }

    fn size(&self) -> String {
        let written = units::human_size(self.summary.size_rw.unwrap_or(0));
        match self.summary.size_root_fs {
            Some(all) if all > 0 => format!("{written} (virtual {})", units::human_size(all)),
            _ => written,
        }
    }
}

/// At most `width` characters, the last of them `…` when something was cut.
pub(crate) fn ellipsis(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(std::iter::once('…')).collect()
}

/// A string literal as Go's `strconv.Quote` writes it.
struct GoQuoted<'a>(&'a str);

impl std::fmt::Display for GoQuoted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use std::fmt::Write;
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\u{7}' => f.write_str("\\a")?,
                '\u{8}' => f.write_str("\\b")?,
                '\u{b}' => f.write_str("\\v")?,
                '\u{c}' => f.write_str("\\f")?,
                c if u32::from(c) < 0x20 || c == '\u{7f}' => write!(f, "\\x{:02x}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::row::Format;

    fn show(format: &str, summary: Summary, truncate: bool) -> String {
        let now = summary.created + 90;
        Format::parse(format, TABLE).unwrap().print(&[Container { summary, truncate, now }]).unwrap()
    }

    fn web() -> Summary {
        serde_json::from_str(
            r#"{"Id":"0123456789abcdef","Names":["/other/alias","/web"],"Image":"nginx:1@sha256:abc","ImageID":"sha256:ffff",
            "Command":"/docker-entrypoint.sh nginx \"x\"","Created":1,"State":"running","Status":"Up 2 minutes",
            "Labels":{"a.b-c":"d"},"SizeRw":1200,"SizeRootFs":4261550,"Mounts":[{"Name":"a-rather-long-volume","Driver":"local"}],
            "NetworkSettings":{"Networks":{"bridge":{}}}}"#,
        )
        .unwrap()
    }

    #[test]
    fn short_and_long() {
        let cases = [
            (
                "{{.ID}} {{.Names}} {{.Image}}",
                "0123456789ab web nginx:1\n",
                "0123456789abcdef other/alias,web nginx:1@sha256:abc\n",
            ),
            ("{{.Command}}", "\"/docker-entrypoint.…\"\n", "\"/docker-entrypoint.sh nginx \\\"x\\\"\"\n"),
            ("{{.Mounts}} {{.LocalVolumes}}", "a-rather-long-… 1\n", "a-rather-long-volume 1\n"),
            (
                "{{.RunningFor}}, {{.Size}}",
                "About a minute ago, 1.2kB (virtual 4.26MB)\n",
                "About a minute ago, 1.2kB (virtual 4.26MB)\n",
            ),
            (
                r#"{{.Label "a.b-c"}}{{.Label "x"}} {{.Labels}} {{.Networks}}"#,
                "d a.b-c=d bridge\n",
                "d a.b-c=d bridge\n",
            ),
        ];
        for (format, short, long) in cases {
            assert_eq!(show(format, web(), true), short, "{format}");
            assert_eq!(show(format, web(), false), long, "{format}");
        }
    }
}
