//! Reading one stream, whoever sends it.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use teu_keeper::protocol::END_OF_OUTPUT;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use super::{Hookup, Source};
use crate::{Engine, Error};

/// How much is read at once.
const READ: usize = 64 << 10;
/// Stream number, three zero bytes, length as four bytes big endian.
const HEADER: usize = 8;
/// How long the next keeper may take to send on.
const PATIENCE: Duration = Duration::from_secs(30);
/// More than a keeper that died can have taken and not sent; what is beyond has been lost.
const MOST_MISSED: u64 = 2 << 20;

/// Who reads a stream.
pub(super) struct Reader {
    engine: Engine,
    serial: u64,
    next: mpsc::UnboundedReceiver<Source>,
    framed: bool,
    /// Which of both outputs are given on.
    wanted: [bool; 2],
    socket: UnixStream,
    /// What has come, from the beginning of a frame on.
    buffer: BytesMut,
    /// How much of both outputs has come.
    positions: [u64; 2],
    /// Bytes of both outputs that come again.
    again: [u64; 2],
    /// To be given before anything else.
    ready: VecDeque<Bytes>,
}

/// What the buffer begins with.
enum Piece {
    Frames(Bytes),
    End,
    /// Not even one frame is there as a whole.
    Nothing,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.engine.hookups().forget(self.serial);
    }
}

impl Reader {
    /// A reader of what comes from now on, or of all there has been.
    pub(super) async fn new(
        engine: Engine,
        serial: u64,
        next: mpsc::UnboundedReceiver<Source>,
        hookup: &Hookup,
        source: Source,
    ) -> Reader {
        let positions = if hookup.from_start { [0; 2] } else { source.positions };
        let (framed, wanted) = (hookup.framed, [hookup.stdout, hookup.stderr]);
        let Source { socket, positions: begin, spools } = source;
        let (buffer, ready) = (BytesMut::new(), VecDeque::new());
        let mut reader =
            Reader { engine, serial, next, framed, wanted, socket, buffer, positions, again: [0; 2], ready };
        reader.catch_up(begin, spools).await;
        reader
    }

    /// The next bytes. None at the end.
    pub(super) async fn next(mut self) -> Option<(Result<Bytes, Error>, Reader)> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Some((Ok(bytes), self));
            }
            match self.take() {
                Piece::Frames(bytes) if bytes.is_empty() => continue,
                Piece::Frames(bytes) => return Some((Ok(bytes), self)),
                Piece::End => return None,
                Piece::Nothing => {}
            }
            self.buffer.reserve(READ);
            match self.socket.read_buf(&mut self.buffer).await {
                Ok(read) if read > 0 => {}
                _ => self.change_over().await?,
            }
        }
    }

    /// The socket has ended before the output: goes on with the next keeper's.
    async fn change_over(&mut self) -> Option<()> {
        // Half a frame is not counted: it comes again as a whole.
        self.buffer.clear();
        let Ok(Some(source)) = tokio::time::timeout(PATIENCE, self.next.recv()).await else {
            tracing::debug!("an attached stream ended with its keeper");
            return None;
        };
        self.socket = source.socket;
        self.catch_up(source.positions, source.spools).await;
        Some(())
    }

    /// Reads from the spools what no keeper has sent, up to where a new socket begins.
    async fn catch_up(&mut self, begin: [u64; 2], spools: Option<[File; 2]>) {
        // Nothing of an output that is not wanted is ever missed.
        let seen = [0, 1].map(|stream| if self.wanted[stream] { self.positions[stream] } else { begin[stream] });
        self.positions = seen;
        self.again = [0, 1].map(|stream| seen[stream].saturating_sub(begin[stream]));
        let Some(spools) = spools else { return };
        let read = move || [0, 1].map(|stream| read_between(&spools[stream], seen[stream], begin[stream]));
        // A panic is logged by the runtime.
        let Ok(missed) = tokio::task::spawn_blocking(read).await else { return };
        for (number, bytes) in (1..).zip(missed) {
            self.positions[usize::from(number - 1)] += bytes.len() as u64;
            self.ready.extend(self.framed(number, bytes));
        }
    }

    /// Bytes of an output as they are given on.
    fn framed(&self, number: u8, bytes: Vec<u8>) -> Option<Bytes> {
        if bytes.is_empty() || !self.framed {
            return (!bytes.is_empty()).then(|| bytes.into());
        }
        let mut frame = BytesMut::with_capacity(HEADER + bytes.len());
        frame.extend_from_slice(&header(number, bytes.len()));
        frame.extend_from_slice(&bytes);
        Some(frame.freeze())
    }

    /// Takes whole frames off the buffer, as many as there are.
    fn take(&mut self) -> Piece {
        let mut whole = 0;
        // Frames are given on as they came, but for those of a terminal or that have been seen.
        let mut bare: Option<BytesMut> = (!self.framed || self.again != [0; 2]).then(BytesMut::new);
        while let Some((head, rest)) = self.buffer[whole..].split_first_chunk::<HEADER>() {
            let (head, len) = (*head, u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize);
            if head == END_OF_OUTPUT || rest.len() < len {
                break;
            }
            let stream = usize::from(head[0] == 2);
            let seen = usize::try_from(self.again[stream]).unwrap_or(usize::MAX).min(len);
            self.again[stream] -= seen as u64;
            self.positions[stream] += (len - seen) as u64;
            if let Some(bare) = &mut bare
                && seen < len
            {
                if self.framed {
                    bare.extend_from_slice(&header(head[0], len - seen));
                }
                bare.extend_from_slice(&rest[seen..len]);
            }
            whole += HEADER + len;
        }
        if whole == 0 {
            return if self.buffer.starts_with(&END_OF_OUTPUT) { Piece::End } else { Piece::Nothing };
        }
        match bare {
            Some(bare) => {
                self.buffer.advance(whole);
                Piece::Frames(bare.freeze())
            }
            None => Piece::Frames(self.buffer.split_to(whole).freeze()),
        }
    }
}

fn header(number: u8, len: usize) -> [u8; HEADER] {
    let [a, b, c, d] = u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
    [number, 0, 0, 0, a, b, c, d]
}

/// What stands in a spool between two places.
fn read_between(spool: &File, from: u64, to: u64) -> Vec<u8> {
    let missed = to.saturating_sub(from).min(MOST_MISSED);
    let mut bytes = vec![0; usize::try_from(missed).unwrap_or(0)];
    match spool.read_exact_at(&mut bytes, to.saturating_sub(missed)) {
        Ok(()) => bytes,
        Err(error) => {
            tracing::warn!(%error, "output was lost with a keeper");
            Vec::new()
        }
    }
}
