//! Devices and the links of `/dev`.

use std::ffi::CString;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType};
use teu_oci::runtime as oci;
use teu_sys::mount::{api, clone_tree};

use super::text::{c_path, c_string, in_root};
use super::{Device, Mount, Source, Step, Symlink};
use crate::Error;

/// Devices that every container has (config-linux.md, "Default Devices"), with their numbers.
const DEFAULT: [(&str, u32, u32); 6] = [
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
];

/// Links that every container has (runtime-linux.md, "Dev symbolic links", and "/dev/ptmx" of the default devices).
const LINKS: [(&str, &str); 6] = [
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
    ("/dev/core", "/proc/kcore"),
    ("/dev/ptmx", "pts/ptmx"),
];

/// Steps for the default devices and those of the configuration. Where nodes cannot be made (`bind`), those of the host
/// are bound.
pub(crate) fn compile(devices: &[oci::Device], bind: bool) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    for (path, major, minor) in DEFAULT {
        if !devices.iter().any(|d| d.path == Path::new(path)) {
            steps.push(default_device(path, major, minor, bind)?);
        }
    }
    for device in devices {
        steps.push(if bind { bind_host(&device.path)? } else { node(device)? });
    }
    Ok(steps)
}

/// Steps for the links of `/dev`.
pub(crate) fn links() -> Result<Vec<Step>, Error> {
    LINKS.iter().filter(|(path, _)| *path != "/dev/core" || Path::new("/proc/kcore").exists()).map(link).collect()
}

fn link((path, target): &(&str, &str)) -> Result<Step, Error> {
    let (parent, name) = split(Path::new(path))?;
    Ok(Step::Symlink(Symlink { target: c_string(target, "a link")?, parent, name }))
}

fn default_device(path: &str, major: u32, minor: u32, bind: bool) -> Result<Step, Error> {
    if bind {
        return bind_host(Path::new(path));
    }
    let (parent, name) = split(Path::new(path))?;
    let kind = FileType::CharacterDevice;
    Ok(Step::Device(Device { parent, name, kind, major, minor, mode: 0o666, uid: 0, gid: 0 }))
}

fn node(device: &oci::Device) -> Result<Step, Error> {
    let (parent, name) = split(&device.path)?;
    let shown = device.path.display();
    let kind = match device.kind.as_str() {
        "c" | "u" => FileType::CharacterDevice,
        "b" => FileType::BlockDevice,
        "p" => FileType::Fifo,
        other => return Err(Error::InvalidSpec(format!("device {shown} has the unknown type {other:?}"))),
    };
    let number = |n: i64| {
        if kind == FileType::Fifo {
            return Ok(0);
        }
        u32::try_from(n).map_err(|_| Error::InvalidSpec(format!("device {shown} has the impossible number {n}")))
    };
    Ok(Step::Device(Device {
        parent,
        name,
        kind,
        major: number(device.major)?,
        minor: number(device.minor)?,
        mode: device.file_mode.unwrap_or(0o666) & 0o7777,
        uid: device.uid.unwrap_or(0),
        gid: device.gid.unwrap_or(0),
    }))
}

fn bind_host(path: &Path) -> Result<Step, Error> {
    let device = c_path(path)?;
    let source = if api().detached {
        let mount = clone_tree(CWD, &device, false)
            .map_err(|e| Error::step(format!("open the host's device {}", path.display()))(e.into()))?;
        Source::Tree { mount, directory: false }
    } else {
        Source::Bind { path: device, directory: false, recursive: false }
    };
    let target = in_root(path)?;
    Ok(Step::Mount(Box::new(Mount::new(target, source))))
}

fn split(path: &Path) -> Result<(CString, CString), Error> {
    let invalid = || Error::InvalidSpec(format!("device path {:?} names no file", path.display().to_string()));
    let path: PathBuf = super::mounts::normalize(path);
    let name = path.file_name().ok_or_else(invalid)?;
    let parent = path.parent().ok_or_else(invalid)?;
    Ok((in_root(parent)?, c_path(Path::new(name))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configured_device_replaces_the_default_one() {
        let own = oci::Device { path: "/dev/null".into(), kind: "c".into(), major: 9, ..oci::Device::default() };
        let steps = compile(&[own], false).unwrap();
        assert_eq!(steps.len(), DEFAULT.len());
        let majors: Vec<u32> = steps
            .iter()
            .filter_map(|s| match s {
                Step::Device(d) if d.name.to_bytes() == b"null" => Some(d.major),
                _ => None,
            })
            .collect();
        assert_eq!(majors, [9]);
    }

    #[test]
    fn impossible_devices_are_refused() {
        let with = |kind: &str, major| {
            let device = oci::Device { path: "/dev/x".into(), kind: kind.into(), major, ..oci::Device::default() };
            compile(&[device], false)
        };
        assert!(with("c", -1).is_err());
        assert!(with("z", 1).is_err());
        assert!(with("p", -1).is_ok());
        assert!(split(Path::new("/")).is_err());
    }
}
