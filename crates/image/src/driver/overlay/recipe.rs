//! How to make a layer's tar again: its framing bytes, and between them references to the files unpacked from it.
//!
//! A zstd stream of records: tag 0, a length and that many bytes; or tag 1, a file's number, an offset and a length. The
//! numbers' paths are in a file beside it: number, length of the path, path. All numbers are 64-bit little-endian.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{DATA, PATHS, RECIPE, TREE};
use crate::layer::tree::InodeId;

const FRAMING: u8 = 0;
const CONTENT: u8 = 1;
/// Bytes of framing collected before a record is written.
const BATCH: usize = 64 << 10;
/// zstd's level: headers are mostly zeros, and this is on the way of a pull.
const LEVEL: i32 = 1;

/// A recipe being written.
pub(super) struct Recipe {
    out: zstd::stream::write::Encoder<'static, File>,
    framing: Vec<u8>,
    /// The last reference, which the next may go on from.
    content: Option<(u64, u64, u64)>,
}

impl Recipe {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let out = zstd::stream::write::Encoder::new(File::create(path)?, LEVEL)?;
        Ok(Self { out, framing: Vec::new(), content: None })
    }

    /// The tar has these bytes of a file next.
    pub(super) fn content(&mut self, number: u64, offset: u64, len: u64) -> io::Result<()> {
        self.flush_framing()?;
        if let Some((last, start, have)) = &mut self.content
            && *last == number
            && *start + *have == offset
        {
            *have += len;
            return Ok(());
        }
        self.flush_content()?;
        self.content = Some((number, offset, len));
        Ok(())
    }

    /// Completes the recipe; answers its size in bytes.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        self.flush_content()?;
        self.flush_framing()?;
        self.out.finish()?.stream_position()
    }

    fn flush_content(&mut self) -> io::Result<()> {
        if let Some((number, offset, len)) = self.content.take() {
            self.out.write_all(&[CONTENT])?;
            for value in [number, offset, len] {
                self.out.write_all(&value.to_le_bytes())?;
            }
        }
        Ok(())
    }

    fn flush_framing(&mut self) -> io::Result<()> {
        if !self.framing.is_empty() {
            self.out.write_all(&[FRAMING])?;
            self.out.write_all(&(self.framing.len() as u64).to_le_bytes())?;
            self.out.write_all(&self.framing)?;
            self.framing.clear();
        }
        Ok(())
    }
}

/// The tar has these bytes of framing next.
impl Write for Recipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush_content()?;
        self.framing.extend_from_slice(bytes);
        if self.framing.len() >= BATCH {
            self.flush_framing()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes where files ended up, relative to the tree.
pub(super) fn write_paths(places: &HashMap<InodeId, Vec<u8>>, out: &mut impl Write) -> io::Result<()> {
    for (id, path) in places {
        out.write_all(&(*id as u64).to_le_bytes())?;
        out.write_all(&(path.len() as u64).to_le_bytes())?;
        out.write_all(path)?;
    }
    out.flush()
}

/// Makes the tar again.
pub(super) struct Replay {
    layer: PathBuf,
    recipe: BufReader<zstd::stream::read::Decoder<'static, BufReader<File>>>,
    paths: HashMap<u64, PathBuf>,
    current: Current,
}

enum Current {
    None,
    Framing(u64),
    File(io::Take<File>),
}

impl Replay {
    pub(super) fn open(layer: &Path) -> io::Result<Self> {
        let recipe = BufReader::new(zstd::stream::read::Decoder::new(File::open(layer.join(RECIPE))?)?);
        let paths = read_paths(BufReader::new(File::open(layer.join(PATHS))?))?;
        Ok(Self { layer: layer.to_owned(), recipe, paths, current: Current::None })
    }

    /// Goes to the next record; `false` at the end.
    fn advance(&mut self) -> io::Result<bool> {
        let mut tag = [0];
        if self.recipe.read(&mut tag)? == 0 {
            return Ok(false);
        }
        self.current = match tag[0] {
            FRAMING => Current::Framing(number(&mut self.recipe)?),
            CONTENT => {
                let file = number(&mut self.recipe)?;
                let offset = number(&mut self.recipe)?;
                let len = number(&mut self.recipe)?;
                let path = match self.paths.get(&file) {
                    Some(path) => self.layer.join(TREE).join(path),
                    None => self.layer.join(DATA).join(file.to_string()),
                };
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(offset))?;
                Current::File(file.take(len))
            }
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "unknown record in a layer's recipe")),
        };
        Ok(true)
    }
}

impl Read for Replay {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let read = match &mut self.current {
                Current::None => 0,
                Current::Framing(left) => {
                    let read = (&mut self.recipe).take(*left).read(buffer)?;
                    *left -= read as u64;
                    read
                }
                Current::File(file) => {
                    let read = file.read(buffer)?;
                    if read == 0 && file.limit() > 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    read
                }
            };
            if read > 0 {
                return Ok(read);
            }
            if !self.advance()? {
                return Ok(0);
            }
        }
    }
}

fn read_paths(mut from: impl Read) -> io::Result<HashMap<u64, PathBuf>> {
    use std::os::unix::ffi::OsStringExt;
    let mut paths = HashMap::new();
    loop {
        let mut first = [0];
        if from.read(&mut first)? == 0 {
            return Ok(paths);
        }
        let file = number(&mut (&first[..]).chain(&mut from))?;
        let len = number(&mut from)?;
        let mut path = Vec::new();
        (&mut from).take(len).read_to_end(&mut path)?;
        paths.insert(file, PathBuf::from(std::ffi::OsString::from_vec(path)));
    }
}

fn number(from: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}
