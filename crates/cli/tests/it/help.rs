//! Help pages, compared with the ones that were checked in.
//!
//! They are what users read, and they list every flag: a change shows up in review. `TEU_UPDATE=1` writes them anew.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::engine::{outcome, program};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/help")
}

fn page(words: &[&str]) -> String {
    let arguments = [words, &["--help"]].concat();
    let (code, text, error) = outcome(program(&arguments).output().unwrap());
    assert_eq!((code, error.as_str()), (0, ""), "{words:?}");
    text
}

/// The names in a section of a page: `  name   about`.
fn entries(page: &str, section: &str) -> Vec<String> {
    let section = page.split(&format!("\n{section}:\n")).nth(1).unwrap_or_default();
    let lines = section.lines().take_while(|line| line.starts_with("  "));
    lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// All pages: their file's name and their text.
fn pages() -> Vec<(String, String)> {
    let overview = page(&[]);
    let mut pages = Vec::new();
    for section in ["Common Commands", "Commands"] {
        for verb in entries(&overview, section) {
            pages.push((verb.clone(), page(&[&verb])));
        }
    }
    for noun in entries(&overview, "Management Commands") {
        let text = page(&[&noun]);
        for verb in entries(&text, "Commands") {
            pages.push((format!("{noun}-{verb}"), page(&[&noun, &verb])));
        }
        pages.push((noun, text));
    }
    pages.push(("teu".to_owned(), overview));
    pages
}

#[test]
fn pages_are_the_ones_checked_in() {
    let pages = pages();
    assert!(pages.len() > 60, "{} pages", pages.len());
    let update = std::env::var_os("TEU_UPDATE").is_some();
    let mut wrong = Vec::new();
    for (name, text) in &pages {
        let path = folder().join(format!("{name}.txt"));
        if update {
            std::fs::create_dir_all(folder()).unwrap();
            std::fs::write(&path, text).unwrap();
        } else if std::fs::read_to_string(&path).unwrap_or_default() != *text {
            wrong.push(name.as_str());
        }
    }
    let known: BTreeSet<String> = pages.iter().map(|(name, _)| format!("{name}.txt")).collect();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !known.contains(&name) {
            if update {
                std::fs::remove_file(folder().join(&name)).unwrap();
            } else {
                panic!("{name}: no command has this page any more");
            }
        }
    }
    assert_eq!(wrong, Vec::<&str>::new(), "look at them, then run the tests with TEU_UPDATE=1 and commit what changed");
}

#[test]
fn pages_have_a_form() {
    for (name, text) in pages() {
        assert!(text.starts_with("Usage:  teu"), "{name}");
        assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{name}");
        // Lists of commands are not wrapped: a line is a command.
        let is_list = text.contains("\nCommands:\n");
        for line in text.lines() {
            assert_eq!(line.trim_end(), line, "{name}: blanks at the end");
            let is_link = line.contains("https://");
            let is_example = text.split("\nExamples:\n").nth(1).is_some_and(|examples| examples.contains(line));
            assert!(line.chars().count() <= 80 || is_list || is_link || is_example, "{name}: {line}");
        }
    }
}

#[test]
fn a_page_can_be_asked_for_in_every_way() {
    let expected = page(&["ps"]);
    for words in [&["ps", "-h"][..], &["help", "ps"], &["ps", "-a", "--help"]] {
        let (code, text, _) = outcome(program(words).output().unwrap());
        assert_eq!((code, text.as_str()), (0, expected.as_str()), "{words:?}");
    }
    let (_, by_noun, _) = outcome(program(&["container", "ls", "--help"]).output().unwrap());
    assert!(by_noun.starts_with("Usage:  teu container ls [OPTIONS]"), "{by_noun}");
}
