//! Where copied files end up and what they are called there, by the rules of `cp -a` as Docker has them: a source goes into
//! a folder that exists, and takes the name of a destination that does not; `dir/.` is what is in the folder.

use std::path::Path;

use teu_api::client::Client;

use crate::error::{Error, go_io};

/// What is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    /// As given, or what a link leads to.
    pub(super) path: String,
    pub(super) is_dir: bool,
    /// The name it has in its archive is to become this one; empty if it is right.
    pub(super) rebase: String,
}

/// Where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) path: String,
    pub(super) exists: bool,
    pub(super) is_dir: bool,
}

/// What follows from both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// The folder that the archive is unpacked in.
    pub(super) folder: String,
    /// What names begin with, and what they are to begin with instead.
    pub(super) rename: Option<(String, String)>,
}

impl Source {
    /// What the link at `path` leads to, under the link's name.
    pub(super) fn followed(path: &str, target: &str) -> Source {
        let mut target = target.to_owned();
        if is_dot(path) && !is_dot(&target) {
            target.push_str("/.");
        } else if path.ends_with('/') && !target.ends_with('/') {
            target.push('/');
        }
        let rebase = if base(path) == base(&target) { String::new() } else { base(path).to_owned() };
        Source { path: target, is_dir: false, rebase }
    }

    /// What names in its archive begin with.
    fn archived(&self) -> String {
        split(&self.path).1
    }
}

impl Destination {
    /// A path here.
    pub(super) fn local(path: &str) -> Result<Destination, Error> {
        if let Ok(metadata) = std::fs::metadata(path) {
            return Ok(Destination { path: path.to_owned(), exists: true, is_dir: metadata.is_dir() });
        }
        let (folder, _) = split(path);
        let above = if folder.is_empty() { "." } else { folder.as_str() };
        match std::fs::metadata(above) {
            Ok(metadata) if metadata.is_dir() => {
                Ok(Destination { path: path.to_owned(), exists: false, is_dir: false })
            }
            Ok(_) => Err(Error::message("not a directory")),
            Err(error) => Err(go_io("stat", above, &error).into()),
        }
    }

    /// A path in a container, a link at its end followed.
    pub(super) async fn container(client: &Client, container: &str, path: &str) -> Result<Destination, Error> {
        let mut path = if path.is_empty() { "/".to_owned() } else { path.to_owned() };
        // An error means that nothing is there. Whether its folder is, the engine says.
        let mut stat = client.container_stat_path(container, &path).await.ok();
        if let Some(link) = stat.as_ref().filter(|stat| stat.is_link()) {
            path.clone_from(&link.link_target);
            stat = client.container_stat_path(container, &path).await.ok();
        }
        let Some(stat) = stat else { return Ok(Destination { path, exists: false, is_dir: false }) };
        if !stat.is_directory() && !stat.is_file() {
            let text = format!("destination \"{container}:{path}\" must be a directory or a regular file");
            return Err(Error::message(text));
        }
        Ok(Destination { path, exists: true, is_dir: stat.is_directory() })
    }
}

impl Plan {
    /// Decides.
    pub(super) fn of(source: &Source, to: &Destination) -> Result<Plan, Error> {
        let (folder, name) = split(&to.path);
        let plain = source.archived();
        let renamed = |new: String| Plan { folder: folder_or_here(&folder), rename: Some((plain.clone(), new)) };
        match () {
            () if to.is_dir => {
                let rename = (!source.rebase.is_empty()).then(|| (plain.clone(), source.rebase.clone()));
                Ok(Plan { folder: to.path.clone(), rename })
            }
            () if to.exists && source.is_dir => Err(Error::message("cannot copy directory")),
            () if to.exists || source.is_dir => Ok(renamed(name)),
            () if to.path.ends_with('/') || is_dot(&to.path) => Err(Error::message("no such directory")),
            () => Ok(renamed(name)),
        }
    }

    /// What names begin with after all.
    pub(super) fn base(&self, source: &Source) -> String {
        match &self.rename {
            Some((_, new)) => new.clone(),
            None => source.archived(),
        }
    }
}

fn folder_or_here(folder: &str) -> String {
    match folder.trim_end_matches('/') {
        "" if folder.is_empty() => ".".to_owned(),
        "" => "/".to_owned(),
        folder => folder.to_owned(),
    }
}

/// Whether a path's last name is a dot: what is in the folder, not the folder.
fn is_dot(path: &str) -> bool {
    path == "." || path.ends_with("/.")
}

/// The last name of a path.
fn base(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// A path as a folder, with its slash, and a name in it. The root has an empty name; a dot at the end is kept.
pub(super) fn split(path: &str) -> (String, String) {
    let mut clean = String::new();
    for part in Path::new(path).components() {
        if !clean.is_empty() && !clean.ends_with('/') {
            clean.push('/');
        }
        clean.push_str(&part.as_os_str().to_string_lossy());
    }
    if is_dot(path) && clean != "." {
        clean.push_str(if clean.ends_with('/') { "." } else { "/." });
    }
    match clean.rfind('/') {
        Some(at) => (clean[..=at].to_owned(), clean[at + 1..].to_owned()),
        None => (String::new(), clean),
    }
}

#[cfg(test)]
mod tests {
    use super::{Destination, Plan, Source, split};

    #[test]
    fn folders_and_names() {
        for (path, folder, name) in [
            ("/a/b", "/a/", "b"),
            ("/a/b/", "/a/", "b"),
            ("/a/b/.", "/a/b/", "."),
            ("a", "", "a"),
            (".", "", "."),
            ("/", "/", ""),
            ("/.", "/", "."),
            ("a//b", "a/", "b"),
        ] {
            assert_eq!(split(path), (folder.to_owned(), name.to_owned()), "{path}");
        }
    }

    #[test]
    fn every_combination() {
        let source = |path: &str, is_dir| Source { path: path.to_owned(), is_dir, rebase: String::new() };
        let to = |path: &str, exists, is_dir| Destination { path: path.to_owned(), exists, is_dir };
        let plan = |source: &Source, to: &Destination| match Plan::of(source, to) {
            Ok(plan) => format!("{} {}", plan.folder, plan.base(source)),
            Err(error) => error.to_string(),
        };
        let (file, dir, content) = (source("/s/f", false), source("/s/d", true), source("/s/d/.", true));
        let (there, new, taken) = (to("/t", true, true), to("/t/n", false, false), to("/t/o", true, false));
        assert_eq!([&file, &dir, &content].map(|s| plan(s, &there)), ["/t f", "/t d", "/t ."]);
        assert_eq!([&file, &dir, &content].map(|s| plan(s, &new)), ["/t n", "/t n", "/t n"]);
        assert_eq!(plan(&file, &taken), "/t o");
        assert_eq!([&dir, &content].map(|s| plan(s, &taken)), ["cannot copy directory", "cannot copy directory"]);
        assert_eq!(plan(&file, &to("/t/n/", false, false)), "no such directory");
        assert_eq!(plan(&dir, &to("/t/n/", false, false)), "/t n");
        assert_eq!(plan(&file, &to("n", false, false)), ". n");
        let link = Source::followed("/s/link", "/x/target");
        assert_eq!(plan(&link, &there), "/t link");
        assert_eq!(Source::followed("/s/link/.", "/x").path, "/x/.");
    }
}
