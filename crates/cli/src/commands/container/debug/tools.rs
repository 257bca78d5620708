//! The tools: a static busybox of this machine, which needs nothing around it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use teu_api::client::{Client, RequestBody};
use teu_api::image::CreateOptions;
use teu_oci::digest::Digest;

use crate::app::Cli;
use crate::error::Error;

/// Where the tools are, in an image of their own or a copy.
pub(super) const PATH: &str = "/.teu-tools/busybox";
/// The same program, which may change its root whoever runs it.
pub(super) const ENTER_PATH: &str = "/.teu-tools/busybox-enter";
/// The image that holds them.
const IMAGE: &str = "teu-debug-tools";
/// Where it is looked for besides `$PATH`.
const FOLDERS: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

/// Capabilities of a file (`struct vfs_cap_data` of linux/capability.h, revision 2, effective): `CAP_SYS_CHROOT` (18) and
/// `CAP_SYS_PTRACE` (19), both below 32. Little-endian words: revision and flag, permitted, inheritable, and both again for
/// the numbers from 32 on.
const MAY_ENTER: [u8; 20] = [1, 0, 0, 2, 0, 0, 0b1100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// The tools of this machine.
#[derive(Debug)]
pub(super) struct Toolbox {
    program: Vec<u8>,
    /// What tells these tools from others.
    tag: String,
}

impl Toolbox {
    /// Finds a static busybox that needs no file for each of its tools.
    pub(super) fn find() -> Result<Self, Error> {
        let folders = std::env::var("PATH").unwrap_or_default() + ":" + FOLDERS;
        let places =
            folders.split(':').filter(|folder| folder.starts_with('/')).map(|folder| Path::new(folder).join("busybox"));
        let mut reason = "there is no busybox on this machine".to_owned();
        for place in places.filter(|place| place.exists()) {
            match Self::at(&place) {
                Ok(tools) => return Ok(tools),
                Err(why) => reason = format!("{} {why}", place.display()),
            }
        }
        let advice = "install one (busybox-static in Debian), or name an image with tools by --image";
        Err(Error::message(format!("no tools to bring along: {reason}; {advice}")))
    }

    /// The busybox at this place, or why it does not serve.
    fn at(place: &PathBuf) -> Result<Self, String> {
        let read = |error: io::Error| format!("cannot be read: {}", crate::error::reason(&error));
        let program = fs::read(place).map_err(read)?;
        if !is_static(&program) {
            return Err("needs libraries, which the container may not have".to_owned());
        }
        // One that runs its tools itself finds `true` where there is none.
        let mut probe = Command::new(place);
        probe
            .args(["env", "PATH=/nonexistent", "true"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if !probe.status().is_ok_and(|status| status.success()) {
            return Err("needs a file for each of its tools".to_owned());
        }
        let tag = Digest::of(&program).short();
        Ok(Self { program, tag })
    }

    /// The tools as an archive of the folder that they are in.
    pub(super) fn archive(&self) -> io::Result<Vec<u8>> {
        let mut archive = tar::Builder::new(Vec::new());
        let mut folder = tar::Header::new_ustar();
        folder.set_entry_type(tar::EntryType::Directory);
        folder.set_mode(0o755);
        folder.set_size(0);
        archive.append_data(&mut folder, ".teu-tools/", io::empty())?;
        self.append(&mut archive, PATH)?;
        archive.append_pax_extensions([("SCHILY.xattr.security.capability", &MAY_ENTER[..])])?;
        self.append(&mut archive, ENTER_PATH)?;
        archive.into_inner()
    }

    fn append(&self, archive: &mut tar::Builder<Vec<u8>>, path: &str) -> io::Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o755);
        header.set_size(self.program.len() as u64);
        archive.append_data(&mut header, path.trim_start_matches('/'), &self.program[..])
    }

    /// Whether the engine's machine can run them.
    pub(super) async fn check(&self, client: &Client) -> Result<(), Error> {
        let theirs = client.server_version().await?.arch;
        let ours = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        if theirs.is_empty() || theirs == ours {
            return Ok(());
        }
        let advice = "name an image with tools by --image";
        Err(Error::message(format!(
            "the tools of this machine are for {ours}, the engine's machine is {theirs}: {advice}"
        )))
    }
}

/// The name of an image with the tools, which is made if it is not there.
pub(super) async fn image(cli: &Cli, tools: &Toolbox) -> Result<String, Error> {
    let client = cli.client()?;
    let name = format!("{IMAGE}:{}", tools.tag);
    match client.image_inspect(&name).await {
        Ok(_) => return Ok(name),
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error.into()),
    }
    tools.check(client).await?;
    let options = CreateOptions {
        from_src: "-".to_owned(),
        repo: IMAGE.to_owned(),
        tag: tools.tag.clone(),
        message: "tools of teu debug".to_owned(),
        ..CreateOptions::default()
    };
    let mut messages = client.image_import(&options, RequestBody::bytes(tools.archive()?)).await?;
    while let Some(message) = messages.next().await? {
        if let Some(error) = message.error_detail {
            return Err(Error::message(error.message));
        }
    }
    Ok(name)
}

/// Whether an executable needs no loader: it has no `PT_INTERP` (System V ABI, program header).
fn is_static(elf: &[u8]) -> bool {
    const PT_INTERP: u32 = 3;
    let number = |at: usize, len: usize| -> Option<usize> {
        let bytes = elf.get(at..at.checked_add(len)?)?;
        bytes.iter().rev().try_fold(0_usize, |value, byte| Some(value.checked_mul(256)? + usize::from(*byte)))
    };
    let headers = || {
        // 64 bits, little-endian: what the engine runs on.
        (elf.get(..6)? == b"\x7fELF\x02\x01").then_some(())?;
        let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
        (0..count).map(|index| number(table.checked_add(index * size)?, 4)).collect::<Option<Vec<usize>>>()
    };
    headers().is_some_and(|kinds: Vec<usize>| !kinds.contains(&(PT_INTERP as usize)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An executable with program headers of these kinds.
    fn elf(kinds: &[u8]) -> Vec<u8> {
        let mut elf = vec![0; 64];
        elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
        (elf[32], elf[54], elf[56]) = (64, 56, u8::try_from(kinds.len()).unwrap());
        for kind in kinds {
            elf.push(*kind);
            elf.extend([0; 55]);
        }
        elf
    }

    #[test]
    fn executables() {
        assert!(is_static(&elf(&[1, 1, 4])));
        assert!(!is_static(&elf(&[1, 3])));
        assert!(!is_static(&elf(&[1])[..60]));
        assert!(!is_static(b"#!/bin/sh"));
    }

    #[test]
    fn the_archive() {
        let tools = Toolbox { program: b"program".to_vec(), tag: "x".to_owned() };
        let archive = tools.archive().unwrap();
        let mut archive = tar::Archive::new(&archive[..]);
        let mut found = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let extensions = entry.pax_extensions().unwrap();
            let may_enter = extensions.is_some_and(|mut all| all.any(|one| one.unwrap().value_bytes() == MAY_ENTER));
            found.push((entry.path().unwrap().display().to_string(), entry.header().mode().unwrap(), may_enter));
        }
        let entry = |path: &str, may_enter| (path.to_owned(), 0o755, may_enter);
        assert_eq!(found, [entry(".teu-tools/", false), entry(&PATH[1..], false), entry(&ENTER_PATH[1..], true)]);
    }
}
