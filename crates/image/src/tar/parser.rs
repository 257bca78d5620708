//! The reader itself: takes the archive in pieces of any size and tells a [`Visitor`] what is in it.

use super::header::{Header, text};
use super::pax::Overrides;
use super::sparse::{self, Map10};
use super::{BLOCK, Entry, Kind, Segment};
use crate::layer::{LayerError, Limits};

/// Receives what is in an archive. Every byte of the archive is handed over exactly once, in order, to [`Self::data`] if it
/// is a file's content and to [`Self::framing`] otherwise; an entry comes between its headers and its data.
pub(crate) trait Visitor {
    /// An entry, its headers complete.
    fn entry(&mut self, entry: Entry) -> Result<(), LayerError>;
    /// Content of the last entry.
    fn data(&mut self, bytes: &[u8]) -> Result<(), LayerError>;
    /// Headers, padding, the end marker and what follows it.
    fn framing(&mut self, bytes: &[u8]) -> Result<(), LayerError>;
}

/// A streaming tar reader.
pub(crate) struct Parser {
    limits: Limits,
    state: State,
    /// Bytes handed over so far.
    offset: u64,
    /// A block that has not come whole yet.
    block: [u8; BLOCK],
    filled: usize,
    entries: u64,
    overrides: Overrides,
    long_path: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

enum State {
    /// At a header.
    Header,
    /// After the first of two zero blocks.
    Trailer,
    /// After the end marker.
    End,
    /// In an extended header of this type.
    Extension { kind: Extension, content: Vec<u8>, left: usize },
    /// In the continuation blocks of an old GNU sparse map.
    OldMap { entry: Box<Entry>, map: Vec<Segment> },
    /// In the map at the beginning of a sparse file's data.
    Map10 { entry: Box<Entry>, map: Map10, read: u64 },
    /// In a file's data.
    Data { left: u64, padding: usize },
    /// In the padding after it.
    Padding { left: usize },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Extension {
    Pax,
    Global,
    LongName,
    LongLink,
}

impl Parser {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Header,
            offset: 0,
            block: [0; BLOCK],
            filled: 0,
            entries: 0,
            overrides: Overrides::default(),
            long_path: None,
            long_link: None,
        }
    }

    /// How many entries came so far.
    pub(crate) fn entries(&self) -> u64 {
        self.entries
    }

    /// Takes the next bytes.
    pub(crate) fn feed(&mut self, mut input: &[u8], visitor: &mut impl Visitor) -> Result<(), LayerError> {
        while !input.is_empty() {
            let taken = match &mut self.state {
                State::Data { left, padding } => {
                    let take = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                    visitor.data(&input[..take])?;
                    *left -= take as u64;
                    if *left == 0 {
                        self.state = if *padding == 0 { State::Header } else { State::Padding { left: *padding } };
                    }
                    take
                }
                State::Padding { left } => {
                    let take = input.len().min(*left);
                    visitor.framing(&input[..take])?;
                    *left -= take;
                    if *left == 0 {
                        self.state = State::Header;
                    }
                    take
                }
                State::End => {
                    visitor.framing(input)?;
                    input.len()
                }
                _ => {
                    let take = input.len().min(BLOCK - self.filled);
                    self.block[self.filled..self.filled + take].copy_from_slice(&input[..take]);
                    self.filled += take;
                    if self.filled == BLOCK {
                        self.filled = 0;
                        self.whole_block(visitor)?;
                        // `offset` counts what the visitor has: the block was handed over whole.
                        self.offset += BLOCK as u64;
                    }
                    input = &input[take..];
                    continue;
                }
            };
            self.offset += taken as u64;
            input = &input[taken..];
        }
        Ok(())
    }

    /// Says that the archive is complete.
    pub(crate) fn finish(&self) -> Result<(), LayerError> {
        match self.state {
            // An archive may lack the end marker, as Go's reader allows, but not end within something.
            State::Header if self.filled == 0 && self.no_extension() => Ok(()),
            State::Trailer if self.filled == 0 => Ok(()),
            State::End => Ok(()),
            _ => Err(self.malformed("unexpected end of the archive")),
        }
    }

    fn no_extension(&self) -> bool {
        self.long_path.is_none() && self.long_link.is_none() && self.overrides == Overrides::default()
    }

    fn malformed(&self, reason: &str) -> LayerError {
        LayerError::Tar { offset: self.offset, reason: reason.to_owned() }
    }

    /// A whole block has come in a state that works by blocks.
    fn whole_block(&mut self, visitor: &mut impl Visitor) -> Result<(), LayerError> {
        let block = self.block;
        visitor.framing(&block)?;
        match std::mem::replace(&mut self.state, State::Header) {
            State::Header => self.header(&block, visitor),
            State::Trailer if block.iter().all(|b| *b == 0) => {
                self.state = State::End;
                Ok(())
            }
            State::Trailer => Err(self.malformed("a lone zero block")),
            State::Extension { kind, mut content, left } => {
                let take = left.min(BLOCK);
                content.extend_from_slice(&block[..take]);
                if left > take {
                    self.state = State::Extension { kind, content, left: left - take };
                    return Ok(());
                }
                self.extension(kind, content)
            }
            State::OldMap { entry, mut map } => {
                let more = sparse::old_block(&block, &mut map).map_err(|reason| self.malformed(reason))?;
                self.bounded(map.len() * size_of::<Segment>())?;
                if more {
                    self.state = State::OldMap { entry, map };
                    return Ok(());
                }
                self.sparse_entry(*entry, map, 0, visitor)
            }
            State::Map10 { entry, mut map, read } => {
                let read = read + BLOCK as u64;
                if read > entry.data_len {
                    return Err(self.malformed("sparse map exceeds the data"));
                }
                self.bounded(usize::try_from(read).unwrap_or(usize::MAX))?;
                match map.block(&block).map_err(|reason| self.malformed(reason))? {
                    Some(segments) => self.sparse_entry(*entry, segments, read, visitor),
                    None => {
                        self.state = State::Map10 { entry, map, read };
                        Ok(())
                    }
                }
            }
            state @ (State::Data { .. } | State::Padding { .. } | State::End) => {
                self.state = state;
                Ok(())
            }
        }
    }

    fn bounded(&self, len: usize) -> Result<(), LayerError> {
        let limit = self.limits.extension_size;
        if len as u64 <= limit { Ok(()) } else { Err(LayerError::Limit { what: "size of an extended header", limit }) }
    }

    fn header(&mut self, block: &[u8; BLOCK], visitor: &mut impl Visitor) -> Result<(), LayerError> {
        if block.iter().all(|b| *b == 0) {
            self.state = State::Trailer;
            return Ok(());
        }
        let header = Header::parse(block).map_err(|reason| self.malformed(reason))?;
        let kind = match header.type_flag() {
            b'x' => Extension::Pax,
            b'g' => Extension::Global,
            b'L' => Extension::LongName,
            b'K' => Extension::LongLink,
            _ => return self.main_header(&header, visitor),
        };
        let len = header.size().map_err(|reason| self.malformed(reason))?;
        let left = usize::try_from(len).unwrap_or(usize::MAX);
        self.bounded(left)?;
        if left == 0 {
            return self.extension(kind, Vec::new());
        }
        self.state = State::Extension { kind, content: Vec::with_capacity(left), left };
        Ok(())
    }

    fn extension(&mut self, kind: Extension, content: Vec<u8>) -> Result<(), LayerError> {
        match kind {
            Extension::Pax => {
                let mut overrides = Overrides::default();
                overrides.parse(&content).map_err(|reason| self.malformed(reason))?;
                self.overrides = overrides;
            }
            // Global records are comments in practice (git archive); Docker ignores them too.
            Extension::Global => {}
            Extension::LongName => self.long_path = Some(text(&content).to_vec()),
            Extension::LongLink => self.long_link = Some(text(&content).to_vec()),
        }
        Ok(())
    }

    /// A header that is not an extension: with what the extensions said, it makes an entry.
    fn main_header(&mut self, header: &Header<'_>, visitor: &mut impl Visitor) -> Result<(), LayerError> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(LayerError::Limit { what: "number of entries", limit: self.limits.entries });
        }
        let overrides = std::mem::take(&mut self.overrides);
        let long_path = self.long_path.take();
        let long_link = self.long_link.take();
        let wanted = overrides.sparse.clone();
        let mut entry = combine(header, overrides, long_path, long_link).map_err(|reason| self.malformed(reason))?;
        if entry.size > self.limits.file_size {
            return Err(LayerError::Limit { what: "size of a file", limit: self.limits.file_size });
        }
        if entry.kind == Kind::File {
            if header.type_flag() == b'S' {
                let (first, more, size) = header.gnu_sparse().map_err(|reason| self.malformed(reason))?;
                let mut map = Vec::new();
                sparse::old_entries(first, &mut map).map_err(|reason| self.malformed(reason))?;
                entry.size = size;
                if more {
                    self.state = State::OldMap { entry: Box::new(entry), map };
                    return Ok(());
                }
                return self.sparse_entry(entry, map, 0, visitor);
            }
            if wanted.major == Some(1) {
                self.state = State::Map10 { entry: Box::new(entry), map: Map10::default(), read: 0 };
                return Ok(());
            }
            if wanted.has_map {
                return self.sparse_entry(entry, wanted.segments, 0, visitor);
            }
        }
        self.begin(entry, visitor)
    }

    /// The map of a sparse file is complete; `read` bytes of its data were the map itself.
    fn sparse_entry(
        &mut self,
        mut entry: Entry,
        map: Vec<Segment>,
        read: u64,
        visitor: &mut impl Visitor,
    ) -> Result<(), LayerError> {
        if entry.size > self.limits.file_size {
            return Err(LayerError::Limit { what: "size of a file", limit: self.limits.file_size });
        }
        entry.data_len -= read;
        sparse::check(&map, entry.size, entry.data_len).map_err(|reason| self.malformed(reason))?;
        entry.sparse = Some(map);
        self.begin(entry, visitor)
    }

    fn begin(&mut self, mut entry: Entry, visitor: &mut impl Visitor) -> Result<(), LayerError> {
        // The block at `offset` is the last before the data.
        entry.data_offset = self.offset + BLOCK as u64;
        let left = entry.data_len;
        let past = usize::try_from(left % BLOCK as u64).unwrap_or(0);
        let padding = (BLOCK - past) % BLOCK;
        if entry.path.len() > self.limits.path_len || entry.link.len() > self.limits.path_len {
            return Err(LayerError::Limit { what: "length of a name", limit: self.limits.path_len as u64 });
        }
        visitor.entry(entry)?;
        self.state = if left == 0 { State::Header } else { State::Data { left, padding } };
        Ok(())
    }
}

/// What header and extensions say together.
fn combine(
    header: &Header<'_>,
    overrides: Overrides,
    long_path: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
) -> Result<Entry, &'static str> {
    let path = overrides.sparse.name.or(overrides.path).or(long_path).unwrap_or_else(|| header.path());
    let kind = match header.type_flag() {
        // Before ustar, a directory was a file whose name ends in a slash.
        0 | b'0' if path.ends_with(b"/") => Kind::Directory,
        0 | b'0' | b'7' | b'S' => Kind::File,
        b'1' => Kind::HardLink,
        b'2' => Kind::Symlink,
        b'3' => Kind::CharDevice,
        b'4' => Kind::BlockDevice,
        b'5' => Kind::Directory,
        b'6' => Kind::Fifo,
        _ => return Err("unknown type of entry"),
    };
    let size = match overrides.size {
        Some(size) => size,
        None => header.size()?,
    };
    // Go's reader takes only files to have data, whatever the header says.
    let data_len = if kind == Kind::File { size } else { 0 };
    let owner = |value: i64| u32::try_from(value).map_err(|_| "owner is out of range");
    let special = matches!(kind, Kind::CharDevice | Kind::BlockDevice);
    Ok(Entry {
        kind,
        mode: header.mode()?,
        uid: owner(overrides.uid.map_or_else(|| header.uid(), Ok)?)?,
        gid: owner(overrides.gid.map_or_else(|| header.gid(), Ok)?)?,
        mtime: overrides.mtime.map_or_else(|| header.mtime(), Ok)?,
        link: overrides.link.or(long_link).unwrap_or_else(|| header.link()),
        device: if special { header.device()? } else { (0, 0) },
        xattrs: overrides.xattrs,
        size: if kind == Kind::File { overrides.sparse.size.unwrap_or(data_len) } else { 0 },
        sparse: None,
        data_len,
        data_offset: 0,
        path,
    })
}

#[cfg(test)]
mod tests;
