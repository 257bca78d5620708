//! `system df`.

use std::process::ExitCode;

use clap::Args;

use crate::app::Cli;
use crate::commands::container::ls::FORMAT_HELP;
use crate::commands::{container, image as images, volume};
use crate::error::Error;
use crate::format::container::Container;
use crate::format::disk_usage::{CACHE, CONTAINERS, CacheRow, Contents, IMAGES, TABLE, VOLUMES};
use crate::format::row::{Format, FormatError, Raw, Row};
use crate::format::template::{Data, Template};
use crate::format::volume::VolumeRow;
use crate::format::{image, time, units};
use crate::verb::{Arity, Spec, Verb};

const RAW: Raw = Raw {
    id: ("type", "Type"),
    lines: &[
        ("type", "Type"),
        ("total", "TotalCount"),
        ("active", "Active"),
        ("size", "Size"),
        ("reclaimable", "Reclaimable"),
    ],
};

const RAW_CACHE: Raw = Raw {
    id: ("build_cache_id", "ID"),
    lines: &[
        ("build_cache_id", "ID"),
        ("parent_id", "Parent"),
        ("build_cache_type", "CacheType"),
        ("description", "Description"),
        ("created_at", "CreatedAt"),
        ("created_since", "CreatedSince"),
        ("last_used_at", "LastUsedAt"),
        ("last_used_since", "LastUsedSince"),
        ("usage_count", "UsageCount"),
        ("in_use", "InUse"),
        ("shared", "Shared"),
    ],
};

#[derive(Debug, Args)]
pub(crate) struct DiskUsage {
    #[arg(long, value_name = "string", default_value = "", help = FORMAT_HELP)]
    format: String,
    /// Show detailed information on space usage
    #[arg(short, long)]
    verbose: bool,
}

impl Verb for DiskUsage {
    const SPEC: Spec = Spec {
        noun: "system",
        names: &["df"],
        top: "",
        about: "Show how much disk space is used",
        usage: "[OPTIONS]",
        arguments: Arity::NONE,
        examples: &[
            ("Image by image, container by container", "system df -v"),
            ("What could be given back", r"system df --format '{{.Type}}: {{.Reclaimable}}'"),
        ],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let wanted = match self.format.as_str() {
            "" => "table",
            format => format,
        };
        let lists = self.verbose.then(|| Lists::parse(wanted)).transpose()?;
        let sums = Format::parse(&RAW.template(wanted, false), TABLE)?;
        let contents = Contents::from(cli.client()?.disk_usage().await?);
        cli.print(match lists {
            None => sums.print(&contents.sums())?,
            Some(Lists::Tables) => tables(contents)?,
            Some(Lists::Template(template)) => {
                template.render(Data::json(&json(contents)?)).map_err(|error| Error::message(error.to_string()))?
            }
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// How `-v` shows its lists.
enum Lists {
    /// One below the other.
    Tables,
    /// All in the user's template.
    Template(Template),
}

impl Lists {
    fn parse(format: &str) -> Result<Self, FormatError> {
        let raw = raw();
        let template = match format {
            "table" => return Ok(Self::Tables),
            "json" => "{{json .}}",
            "raw" => &raw,
            format => format.strip_prefix("table").unwrap_or(format).trim_matches(' '),
        };
        let template = template.replace("\\t", "\t").replace("\\n", "\n");
        Ok(Self::Template(Template::parse(&template).map_err(FormatError::Parse)?))
    }
}

/// What `-v --format raw` stands for: each thing's own lines below its kind.
fn raw() -> String {
    let lists = [
        ("Images", "Image", &images::ls::RAW_DIGESTS),
        ("Containers", "Container", &container::ls::RAW_SIZE),
        ("Volumes", "Volume", &volume::ls::RAW),
        ("BuildCache", "Build Cache", &RAW_CACHE),
    ];
    let list = |(list, kind, raw): (&str, &str, &Raw)| {
        format!("{{{{range .{list}}}}}type: {kind}\n{}\n{{{{end -}}}}\n", raw.template("raw", false))
    };
    lists.map(list).concat()
}

/// The objects as rows, short for eyes or whole for programs.
struct Rows {
    images: Vec<image::Image>,
    containers: Vec<Container>,
    volumes: Vec<VolumeRow>,
    cache: Vec<CacheRow>,
}

impl Rows {
    fn of(contents: Contents, truncate: bool) -> Self {
        let now = time::now();
        let container = |mut summary: teu_api::container::Summary| {
            // What it shares with others is not its own.
            summary.size_root_fs = None;
            Container { summary, truncate, now }
        };
        let images = contents.images.iter();
        let record = |record| CacheRow { record, truncate, now };
        Self {
            images: images.filter_map(|summary| image::Image::only(summary, truncate, now)).collect(),
            containers: contents.containers.into_iter().map(container).collect(),
            volumes: contents.volumes.into_iter().map(VolumeRow).collect(),
            cache: contents.cache.into_iter().map(record).collect(),
        }
    }
}

fn tables(contents: Contents) -> Result<String, FormatError> {
    fn table<R: Row>(columns: &str, rows: &[R]) -> Result<String, FormatError> {
        Format::parse("table", columns)?.print(rows)
    }
    let cache_size = units::human_size_4(contents.cache_size());
    let rows = Rows::of(contents, true);
    Ok(format!(
        "Images space usage:\n\n{}\nContainers space usage:\n\n{}\nLocal Volumes space usage:\n\n{}\n\
         Build cache usage: {cache_size}\n\n{}",
        table(IMAGES, &rows.images)?,
        table(CONTAINERS, &rows.containers)?,
        table(VOLUMES, &rows.volumes)?,
        table(CACHE, &rows.cache)?,
    ))
}

/// All lists as one JSON object.
fn json(contents: Contents) -> Result<String, FormatError> {
    fn list<R: Row>(rows: &[R]) -> Result<String, FormatError> {
        let lines = Format::parse("json", "")?.print(rows)?;
        Ok(lines.lines().collect::<Vec<_>>().join(","))
    }
    let rows = Rows::of(contents, false);
    Ok(format!(
        r#"{{"Images":[{}],"Containers":[{}],"Volumes":[{}],"BuildCache":[{}]}}"#,
        list(&rows.images)?,
        list(&rows.containers)?,
        list(&rows.volumes)?,
        list(&rows.cache)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_lists_say_their_kind() {
        let usage = r#"{"Images":[{"Id":"sha256:0123","RepoTags":["quay:1"],"Size":5,"Created":1}],
            "Volumes":[{"Name":"hold","Driver":"local"}],
            "BuildCache":[{"ID":"b","Type":"regular","CreatedAt":"2024-01-01T00:00:00Z","LastUsedAt":"2024-01-02T00:00:00Z"},
                {"ID":"a","Type":"regular","InUse":true,"CreatedAt":"2024-01-01T00:00:00Z"}]}"#;
        let contents = Contents::from(serde_json::from_str::<teu_api::disk_usage::DiskUsage>(usage).unwrap());
        let Ok(Lists::Template(raw)) = Lists::parse("raw") else { panic!("no template") };
        let text = raw.render(Data::json(&json(contents).unwrap())).unwrap();
        let image = "type: Image\nrepository: quay\ntag: 1\ndigest: \nimage_id: sha256:0123\n";
        assert!(text.starts_with(image), "{text}");
        assert!(text.contains("\n\ntype: Volume\nname: hold\ndriver: local\n\n"), "{text}");
        let used = "type: Build Cache\nbuild_cache_id: a*\n";
        let unused = "last_used_at: 2024-01-02 00:00:00 +0000 UTC\n";
        assert!(text.find(used).unwrap() < text.find(unused).unwrap(), "{text}");
        assert!(text.ends_with("shared: false\n\n"), "{text}");
    }
}
