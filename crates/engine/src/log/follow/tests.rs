use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::oneshot;

use super::{Format, Select, Stored, stream};

fn line(n: usize) -> String {
    format!("{{\"log\":\"{n}\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-01T00:00:00Z\"}}\n")
}

fn lines(range: std::ops::Range<usize>) -> String {
    range.map(line).collect()
}

fn append(path: &Path, text: &str) {
    let mut file = std::fs::File::options().create(true).append(true).open(path).expect("opened");
    file.write_all(text.as_bytes()).expect("written");
}

fn json(path: &Path) -> Stored {
    Stored { path: path.to_owned(), format: Format::Json }
}

fn plain() -> Select {
    Select { tty: true, stdout: true, stderr: true, ..Select::default() }
}

fn expected(range: std::ops::Range<usize>) -> String {
    range.fold(String::new(), |mut text, n| {
        writeln!(text, "{n}").expect("a string");
        text
    })
}

async fn all(path: &Path, select: Select) -> String {
    let chunks = stream(json(path), select, std::future::pending());
    let text = chunks.map(|c| String::from_utf8(c.expect("read").to_vec()).expect("text")).collect::<String>();
    tokio::time::timeout(Duration::from_secs(10), text).await.expect("in time")
}

#[tokio::test]
async fn rotated_and_compressed_files_come_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x-json.log");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(lines(0..10).as_bytes()).expect("compressed");
    std::fs::write(folder.path().join("x-json.log.2.gz"), gzip.finish().expect("compressed")).expect("written");
    std::fs::write(folder.path().join("x-json.log.1"), lines(10..20)).expect("written");
    append(&path, &lines(20..25));
    assert_eq!(all(&path, plain()).await, expected(0..25));
    for (tail, first) in [(0, 25), (3, 22), (5, 20), (6, 19), (15, 10), (17, 8), (99, 0)] {
        assert_eq!(all(&path, Select { tail: Some(tail), ..plain() }).await, expected(first..25), "tail {tail}");
    }
    assert_eq!(all(&folder.path().join("none"), plain()).await, "");
}

#[tokio::test]
async fn following_survives_rotation_and_ends_with_the_container() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x-json.log");
    append(&path, &lines(0..5));
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async move { drop(stopped.await) };
    let select = Select { follow: true, tail: Some(2), ..plain() };
    let mut output = stream(json(&path), select, stopped);
    let mut text = String::new();
    let mut until = async |text: &mut String, end: usize| {
        while !text.ends_with(&format!("{}\n", end - 1)) {
            let next = tokio::time::timeout(Duration::from_secs(10), output.next());
            let chunk = next.await.expect("in time").expect("more").expect("read");
            text.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    };
    until(&mut text, 5).await;
    append(&path, &lines(5..10));
    until(&mut text, 10).await;
    // Half a line waits for its other half.
    let (half, rest) = (line(10), lines(11..20));
    append(&path, &half[..7]);
    append(&path, &half[7..]);
    std::fs::rename(&path, folder.path().join("x-json.log.1")).expect("rotated");
    append(&path, &rest);
    until(&mut text, 20).await;
    append(&path, &lines(20..30));
    stop.send(()).expect("followed");
    until(&mut text, 30).await;
    assert_eq!(text, expected(3..30));
    let end = tokio::time::timeout(Duration::from_secs(10), output.next()).await.expect("in time");
    assert!(end.is_none());
}
