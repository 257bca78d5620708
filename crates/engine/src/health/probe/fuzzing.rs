//! Fuzz targets: what containers answer to probes over their network.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};

use super::{Answer, MOST, grpc, http};

/// What a web server answers: it is well, unwell or an error, and what is kept of it is bounded.
pub fn http_probe(data: &[u8]) {
    judged(|server| http::exchange(server, "localhost:80", "/up"), data);
}

/// What a gRPC server answers, the frames of HTTP/2.
pub fn grpc_probe(data: &[u8]) {
    judged(|server| grpc::exchange(server, "localhost:80", "x.Y"), data);
}

fn judged<F: Future<Output = io::Result<Answer>>>(ask: impl FnOnce(Server) -> F, data: &[u8]) {
    thread_local! {
        static RUNTIME: Option<Runtime> = Builder::new_current_thread().enable_time().build().ok();
    }
    let server = Server { answer: data.to_vec(), at: 0 };
    RUNTIME.with(|runtime| {
        let Some(runtime) = runtime else { return };
        if let Ok(answer) = runtime.block_on(ask(server)) {
            assert!((0..=1).contains(&answer.code));
            assert!(answer.text.len() <= MOST + data.len());
        }
    });
}

/// Takes everything and answers with some bytes, then with the end.
struct Server {
    answer: Vec<u8>,
    at: usize,
}

impl AsyncRead for Server {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let rest = &self.answer[self.at..];
        let taken = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..taken]);
        self.at += taken;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Server {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
