//! What `container prune`, `image prune`, `network prune`, `volume prune` and `system prune` have in common.

use std::io::BufRead;

use teu_api::client::Client;
use teu_api::filters::Filters;

use crate::app::{Cli, write_out};
use crate::error::Error;
use crate::format::units;

/// What a prune did: lines for the user, and bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pruned {
    lines: String,
    reclaimed: u64,
}

impl Pruned {
    /// The names of what is gone below a title; nothing when nothing is.
    fn of(title: &str, names: impl IntoIterator<Item = String>, reclaimed: u64) -> Self {
        let mut lines = String::new();
        for name in names {
            if lines.is_empty() {
                lines = format!("{title}:\n");
            }
            lines.push_str(&name);
            lines.push('\n');
        }
        Self { lines, reclaimed }
    }

    /// Prints what is gone.
    pub(super) fn show(&self) -> Result<(), Error> {
        if self.lines.is_empty() { Ok(()) } else { write_out(format!("{}\n", self.lines).as_bytes()) }
    }

    /// Bytes that were given back.
    pub(super) fn reclaimed(&self) -> u64 {
        self.reclaimed
    }
}

/// Prints how much space was reclaimed.
pub(super) fn show_total(cli: &Cli, bytes: u64) -> Result<(), Error> {
    cli.say(format!("Total reclaimed space: {}", units::human_size_4(i64::try_from(bytes).unwrap_or(i64::MAX))))
}

/// Asks the user whether to go on, after a warning. Everything but `y` is a no.
pub(super) fn confirmed(force: bool, warning: &str) -> Result<bool, Error> {
    if force {
        return Ok(true);
    }
    write_out(format!("{warning}\nAre you sure you want to continue? [y/N] ").as_bytes())?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

/// The filters of a command line with those of `pruneFilters` in `config.json`, which give way to their opposites.
pub(super) fn with_configured(cli: &Cli, filters: Filters) -> Filters {
    merge(filters, &cli.config().prune_filters)
}

fn merge(mut filters: Filters, configured: &[String]) -> Filters {
    let given = filters.clone();
    for (name, value) in configured.iter().filter_map(|filter| filter.split_once('=')) {
        let opposite = match name {
            "label" => "label!",
            "label!" => "label",
            _ => "",
        };
        if !value.is_empty() && !given.get(opposite).any(|other| other == value) {
            filters.add(name, value);
        }
    }
    filters
}

/// Prunes containers.
pub(super) async fn containers(client: &Client, filters: &Filters) -> Result<Pruned, Error> {
    let report = client.container_prune(filters).await?;
    Ok(Pruned::of("Deleted Containers", report.containers_deleted.unwrap_or_default(), report.space_reclaimed))
}

/// Prunes images: the dangling ones, or `all` that are not used.
pub(super) async fn images(client: &Client, mut filters: Filters, all: bool) -> Result<Pruned, Error> {
    filters.add("dangling", (!all).to_string());
    let report = client.image_prune(&filters).await?;
    let line = |removed: teu_api::image::Removed| match removed.untagged.as_str() {
        "" => format!("deleted: {}", removed.deleted),
        name => format!("untagged: {name}"),
    };
    let lines = report.images_deleted.unwrap_or_default().into_iter().map(line);
    Ok(Pruned::of("Deleted Images", lines, report.space_reclaimed))
}

/// Prunes networks.
pub(super) async fn networks(client: &Client, filters: &Filters) -> Result<Pruned, Error> {
    let report = client.network_prune(filters).await?;
    Ok(Pruned::of("Deleted Networks", report.networks_deleted.unwrap_or_default(), 0))
}

/// Prunes volumes.
pub(super) async fn volumes(client: &Client, filters: &Filters) -> Result<Pruned, Error> {
    let report = client.volume_prune(filters).await?;
    Ok(Pruned::of("Deleted Volumes", report.volumes_deleted, report.space_reclaimed))
}

/// Prunes the builder's cache.
pub(super) async fn build_cache(client: &Client, filters: &Filters, all: bool) -> Result<Pruned, Error> {
    let report = client.build_prune(filters, all).await?;
    let title = "Deleted build cache objects";
    Ok(Pruned::of(title, report.caches_deleted.unwrap_or_default(), report.space_reclaimed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_of_nothing() {
        assert_eq!(Pruned::of("Deleted", [], 0), Pruned::default());
        let some = Pruned::of("Deleted", ["a".to_owned(), "b".to_owned()], 7);
        assert_eq!(some, Pruned { lines: "Deleted:\na\nb\n".to_owned(), reclaimed: 7 });
    }

    #[test]
    fn configured_filters_give_way() {
        let given = |pairs: &[(&str, &str)]| {
            pairs.iter().fold(Filters::new(), |mut filters, (name, value)| {
                filters.add(*name, *value);
                filters
            })
        };
        let configured = ["label!=keep".to_owned(), "label=x=y".to_owned(), "broken".to_owned(), "label=".to_owned()];
        assert_eq!(merge(Filters::new(), &configured), given(&[("label!", "keep"), ("label", "x=y")]));
        let opposite = given(&[("label", "keep")]);
        assert_eq!(merge(opposite, &configured), given(&[("label", "keep"), ("label", "x=y")]));
    }
}
