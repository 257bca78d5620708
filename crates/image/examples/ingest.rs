//! Measures how layers come in: `ingest <layer>…` takes blobs (gzip, zstd or plain), stores them all at once as a pull does,
//! and prints the costs of the whole and of each stage alone, then of mounting, removing and listing.

use std::error::Error;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use teu_image::{DriverKind, Expectation, ListOptions, NewImage, Store, StoreOptions};
use teu_oci::digest::Hasher;
use teu_oci::image::{ImageConfig, RootFs};

/// What a network connection delivers at once, roughly.
const PIECE: usize = 64 << 10;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).peekable();
    let driver = arguments.next_if(|a| a == "--overlay").map(|_| DriverKind::Overlay);
    let layers: Vec<PathBuf> = arguments.map(Into::into).collect();
    let blobs: Vec<Bytes> = layers.iter().map(|path| std::fs::read(path).map(Into::into)).collect::<Result<_, _>>()?;
    let folder = std::env::temp_dir().join(format!("teu-ingest-{}", std::process::id()));
    let result = measure(&folder, driver, &blobs);
    std::fs::remove_dir_all(&folder)?;
    result
}

fn measure(folder: &std::path::Path, driver: Option<DriverKind>, blobs: &[Bytes]) -> Result<(), Box<dyn Error>> {
    stages(blobs)?;
    let store = timed("open", || Store::open(folder, StoreOptions { driver, ..StoreOptions::default() }))?;
    let mut diff_ids = Vec::new();
    let held = timed("ingest, all layers at once", || ingest(&store, blobs))?;
    for layer in &held {
        say(&format!("  {:?}", layer.info));
        diff_ids.push(layer.info.diff_id);
    }
    let config = ImageConfig { rootfs: RootFs { diff_ids, ..RootFs::default() }, ..ImageConfig::default() };
    let new = NewImage {
        config: serde_json::to_vec(&config)?,
        tags: vec!["x".parse::<teu_oci::reference::Reference>()?.with_default_tag()],
        digests: vec![],
        parent: None,
    };
    let image = timed("create image", || store.create_image(&new))?;
    drop(held);
    let options = teu_image::SnapshotOptions { init_layer: true, ..Default::default() };
    for turn in 0..4 {
        let key = format!("c{turn}");
        timed("snapshot prepare", || store.snapshot_prepare(&key, &image, &options))?;
        let mount = timed("snapshot mount", || store.snapshot_mount(&key))?;
        timed("unmount", || drop(mount));
        timed("snapshot remove", || store.snapshot_remove(&key))?;
    }
    timed("list", || store.list(&ListOptions::default()))?;
    timed("resolve", || store.resolve("x"))?;
    timed("save", || store.save(&["x".to_owned()], std::io::sink()))?;
    let removed = timed("remove", || store.remove("x", false, &[]))?;
    say(&format!("  {removed:?}"));
    Ok(())
}

fn ingest(store: &Store, blobs: &[Bytes]) -> teu_image::Result<Vec<teu_image::HeldLayer>> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = blobs
            .iter()
            .map(|blob| {
                scope.spawn(move || {
                    let mut writer = store.layer_writer(Expectation::default())?;
                    for at in (0..blob.len()).step_by(PIECE) {
                        writer.write(blob.slice(at..blob.len().min(at + PIECE)))?;
                    }
                    timed("  finish (index, sync, publish)", || writer.finish())
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no thread panics")).collect()
    })
}

/// Each stage alone, on one thread.
fn stages(blobs: &[Bytes]) -> Result<(), Box<dyn Error>> {
    let digest = |bytes: &[u8]| {
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        hasher.finish()
    };
    timed("stage: sha256 of the blobs", || {
        std::hint::black_box(blobs.iter().map(|blob| digest(blob)).collect::<Vec<_>>())
    });
    let tars: Vec<Vec<u8>> =
        timed("stage: decompress", || blobs.iter().map(|blob| decompress(blob)).collect::<Result<_, _>>())?;
    timed("stage: sha256 of the tars", || std::hint::black_box(tars.iter().map(|tar| digest(tar)).collect::<Vec<_>>()));
    let path = std::env::temp_dir().join(format!("teu-ingest-{}.raw", std::process::id()));
    let mut file = std::fs::File::create(&path)?;
    timed("stage: write", || {
        tars.iter().try_for_each(|tar| tar.chunks(256 << 10).try_for_each(|c| file.write_all(c)))
    })?;
    timed("stage: sync", || file.sync_data())?;
    timed("stage: unlink", || std::fs::remove_file(&path).map(|()| drop(file)))?;
    say(&format!(
        "{} bytes of blobs, {} of tars",
        blobs.iter().map(Bytes::len).sum::<usize>(),
        tars.iter().map(Vec::len).sum::<usize>()
    ));
    Ok(())
}

fn decompress(blob: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    match blob {
        [0x1f, 0x8b, ..] => flate2::read::MultiGzDecoder::new(blob).read_to_end(&mut out)?,
        [0x28, 0xb5, ..] => zstd::stream::read::Decoder::new(blob)?.read_to_end(&mut out)?,
        _ => out.write(blob)?,
    };
    Ok(out)
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    show(what, start.elapsed());
    result
}

fn show(what: &str, time: Duration) {
    say(&format!("{:>10.3} ms  {what}", time.as_secs_f64() * 1e3));
}

#[allow(clippy::print_stdout)]
fn say(line: &str) {
    println!("{line}");
}
