//! Contexts as archives: `context export` and `import`, in Docker's form.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Component;

use anyhow::{Context as _, bail};
use tar::{Archive, Builder, EntryType, Header};

use super::store::{Files, Meta};

/// Most bytes of an archive, as with Docker.
const MAX: u64 = 10 << 20;

/// The archive of a context.
pub(crate) fn pack(meta: &Meta, files: &Files) -> anyhow::Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    append(&mut archive, "meta.json", EntryType::Regular, 0o644, &serde_json::to_vec(meta)?)?;
    append(&mut archive, "tls", EntryType::Directory, 0o700, &[])?;
    for (endpoint, of) in files {
        append(&mut archive, &format!("tls/{endpoint}"), EntryType::Directory, 0o700, &[])?;
        for (file, bytes) in of {
            append(&mut archive, &format!("tls/{endpoint}/{file}"), EntryType::Regular, 0o600, bytes)?;
        }
    }
    Ok(archive.into_inner()?)
}

fn append(archive: &mut Builder<Vec<u8>>, path: &str, kind: EntryType, mode: u32, bytes: &[u8]) -> anyhow::Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(bytes.len() as u64);
    header.set_mtime(0);
    archive.append_data(&mut header, path, bytes).with_context(|| path.to_owned())
}

/// Reads the archive of a context, whose name is for the caller to choose.
pub(crate) fn unpack(archive: impl Read) -> anyhow::Result<(Meta, Files)> {
    let mut bytes = Vec::new();
    archive.take(MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX {
        bail!("invalid context: larger than {MAX} bytes");
    }
    if bytes.starts_with(b"PK\x03\x04") {
        bail!("importing a context from a zip file is not supported yet: use a tar file");
    }
    let (mut meta, mut files) = (None, Files::new());
    for entry in Archive::new(&bytes[..]).entries().context("invalid context")? {
        let Ok(mut entry) = entry else { break };
        if entry.header().entry_type() != EntryType::Regular {
            continue;
        }
        let path = entry.path().context("invalid context")?.into_owned();
        // Names become names of files: nothing but plain ones.
        let mut parts = Vec::new();
        for part in path.components().filter(|part| *part != Component::CurDir) {
            match part {
                Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
                _ => bail!("invalid context: unexpected path {}", path.display()),
            }
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).context("invalid context")?;
        match &parts[..] {
            [file] if file == "meta.json" => {
                meta = Some(serde_json::from_slice(&content).context("invalid context: meta.json")?);
            }
            [folder, endpoint, file] if folder == "tls" => {
                let of: &mut BTreeMap<_, _> = files.entry(endpoint.clone()).or_default();
                of.insert(file.clone(), content);
            }
            _ => bail!("invalid context: unexpected path {}", path.display()),
        }
    }
    Ok((meta.context("invalid context: no metadata found")?, files))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again() {
        let mut meta = Meta { name: "remote".to_owned(), ..Meta::default() };
        meta.set_endpoint("tcp://h:1", false);
        let files = Files::from([("docker".to_owned(), BTreeMap::from([("key.pem".to_owned(), b"KEY".to_vec())]))]);
        let archive = pack(&meta, &files).unwrap();
        assert_eq!(unpack(&archive[..]).unwrap(), (meta, files));
    }

    #[test]
    fn what_is_no_context_is_refused() {
        let refused = |bytes: &[u8]| format!("{:#}", unpack(bytes).unwrap_err());
        assert_eq!(refused(b""), "invalid context: no metadata found");
        assert_eq!(refused(b"nonsense"), "invalid context: no metadata found");
        assert!(refused(b"PK\x03\x04zip").contains("zip"));
        let mut archive = Builder::new(Vec::new());
        append(&mut archive, "meta.json", EntryType::Regular, 0o644, b"{}").unwrap();
        append(&mut archive, "other/file", EntryType::Regular, 0o644, b"x").unwrap();
        assert_eq!(refused(&archive.into_inner().unwrap()), "invalid context: unexpected path other/file");
        let mut archive = Builder::new(Vec::new());
        let mut header = Header::new_gnu();
        header.set_size(1);
        header.as_gnu_mut().unwrap().name[..14].copy_from_slice(b"tls/../../evil");
        header.set_cksum();
        archive.append(&header, &b"x"[..]).unwrap();
        assert!(refused(&archive.into_inner().unwrap()).contains("unexpected path tls/../../evil"));
    }
}
