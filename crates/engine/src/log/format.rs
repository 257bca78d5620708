//! The formats in which logs are stored.

use memchr::{memchr, memrchr};

use super::entry::Entry;
use super::local::Framed;
use super::{json, local};

/// How entries follow each other in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Docker's `json-file`: an entry a line.
    Json,
    /// Docker's `local`: binary, each entry between its lengths.
    Local,
}

impl Format {
    /// How many bytes at the beginning are entries that are complete. What is damaged counts as complete: it must not
    /// hide the rest.
    pub(super) fn complete(self, content: &[u8]) -> usize {
        match self {
            Format::Json => memrchr(b'\n', content).map_or(0, |at| at + 1),
            Format::Local => {
                let mut at = 0;
                loop {
                    match local::framed(&content[at..]) {
                        Framed::Entry(_, len) => at += len,
                        Framed::Incomplete => return at,
                        Framed::Damaged => return content.len(),
                    }
                }
            }
        }
    }

    /// The entries that are complete; damaged ones are left out.
    pub(crate) fn entries(self, content: &[u8]) -> Entries<'_> {
        Entries { format: self, rest: content }
    }

    /// The length of the first entry, if it is complete.
    pub(super) fn first(self, content: &[u8]) -> Option<usize> {
        match self {
            Format::Json => memchr(b'\n', content).map(|at| at + 1),
            Format::Local => match local::framed(content) {
                Framed::Entry(_, len) => Some(len),
                Framed::Incomplete | Framed::Damaged => None,
            },
        }
    }
}

/// Entries of a piece of log.
pub(crate) struct Entries<'a> {
    format: Format,
    rest: &'a [u8],
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            let entry = match self.format {
                Format::Json => {
                    let (line, rest) = self.rest.split_at(memchr(b'\n', self.rest)? + 1);
                    self.rest = rest;
                    json::parse(line)
                }
                Format::Local => {
                    let Framed::Entry(message, len) = local::framed(self.rest) else { return None };
                    self.rest = &self.rest[len..];
                    local::parse(message)
                }
            };
            if entry.is_some() {
                return entry;
            }
        }
    }
}
