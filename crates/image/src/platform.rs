//! Which of an index's manifests runs here.

use teu_oci::image::{Descriptor, Platform};

/// This machine's platform in Go's names.
#[must_use]
pub fn host_platform() -> Platform {
    normalized(&Platform {
        os: "linux".to_owned(),
        architecture: std::env::consts::ARCH.to_owned(),
        ..Platform::default()
    })
}

/// A platform in Go's names, without variants that are the default (OCI image index, "Platform Variants").
#[must_use]
pub fn normalized(platform: &Platform) -> Platform {
    let mut platform = platform.clone();
    let (architecture, variant) = match (platform.architecture.to_lowercase().as_str(), platform.variant.as_deref()) {
        ("x86_64" | "x86-64" | "amd64", None | Some("v1")) => ("amd64", None),
        ("x86_64" | "x86-64" | "amd64", variant) => ("amd64", variant),
        ("aarch64" | "arm64", None | Some("8" | "v8")) => ("arm64", None),
        ("aarch64" | "arm64", variant) => ("arm64", variant),
        ("i386" | "i686" | "x86" | "386", _) => ("386", None),
        ("armhf", _) | ("arm", None | Some("7")) => ("arm", Some("v7")),
        ("armel", _) | ("arm", Some("6")) => ("arm", Some("v6")),
        ("arm", Some("5")) => ("arm", Some("v5")),
        ("riscv64gc", _) => ("riscv64", None),
        ("powerpc64le", _) => ("ppc64le", None),
        (_, _) => return platform,
    };
    let (architecture, variant) = (architecture.to_owned(), variant.map(str::to_owned));
    platform.architecture = architecture;
    platform.variant = variant;
    platform
}

/// How well `offered` serves somebody who wants `wanted`: 0 is exact, higher is older, `None` is not at all.
pub(crate) fn rank(wanted: &Platform, offered: &Platform) -> Option<u32> {
    let (wanted, offered) = (normalized(wanted), normalized(offered));
    if !wanted.os.eq_ignore_ascii_case(&offered.os) || wanted.architecture != offered.architecture {
        return None;
    }
    // A processor runs what was made for the variants before its own.
    let default = if wanted.architecture == "arm64" { 8 } else { 1 };
    let level = |platform: &Platform| match platform.variant.as_deref() {
        None => Some(default),
        Some(variant) => variant.strip_prefix('v').and_then(|number| number.split('.').next()?.parse::<u32>().ok()),
    };
    match (level(&wanted), level(&offered)) {
        (Some(wanted), Some(offered)) => wanted.checked_sub(offered),
        _ => (wanted.variant == offered.variant).then_some(0),
    }
}

/// The manifest that serves best; entries about other manifests (attestations) are no candidates.
pub(crate) fn choose<'a>(manifests: &'a [Descriptor], wanted: &Platform) -> Option<&'a Descriptor> {
    let candidates = manifests.iter().filter_map(|entry| {
        let offered = entry.platform.as_ref()?;
        Some((rank(wanted, offered)?, entry))
    });
    // The first of equals: registries list the preferred one first.
    candidates.min_by_key(|(rank, _)| *rank).map(|(_, entry)| entry)
}

/// `linux/arm/v7`.
pub(crate) fn display(platform: &Platform) -> String {
    let platform = normalized(platform);
    let variant = platform.variant.map(|variant| format!("/{variant}")).unwrap_or_default();
    format!("{}/{}{variant}", platform.os, platform.architecture)
}

#[cfg(test)]
mod tests {
    use super::*;
    use teu_oci::digest::Digest;

    fn platform(text: &str) -> Platform {
        let mut parts = text.split('/').map(str::to_owned);
        let mut next = || parts.next();
        Platform {
            os: next().unwrap(),
            architecture: next().unwrap_or_default(),
            variant: next(),
            ..Platform::default()
        }
    }

    fn chosen(offered: &[&str], wanted: &str) -> Option<usize> {
        let entries: Vec<_> = offered
            .iter()
            .enumerate()
            .map(|(size, text)| Descriptor {
                platform: Some(platform(text)),
                ..Descriptor::new("", Digest::of(b""), size as u64)
            })
            .collect();
        choose(&entries, &platform(wanted)).map(|entry| usize::try_from(entry.size).unwrap())
    }

    #[test]
    fn the_same_platform_by_any_name() {
        assert_eq!(chosen(&["linux/arm64", "linux/amd64"], "linux/x86_64"), Some(1));
        assert_eq!(chosen(&["linux/amd64", "linux/arm64/v8"], "linux/aarch64"), Some(1));
        assert_eq!(chosen(&["windows/amd64", "unknown/unknown"], "linux/amd64"), None);
    }

    #[test]
    fn the_newest_variant_that_runs() {
        let offered = ["linux/arm/v5", "linux/arm/v6", "linux/arm/v7"];
        assert_eq!(chosen(&offered, "linux/arm/v7"), Some(2));
        assert_eq!(chosen(&offered, "linux/arm/v6"), Some(1));
        assert_eq!(chosen(&offered[2..], "linux/arm/v6"), None);
        assert_eq!(chosen(&["linux/amd64/v3", "linux/amd64"], "linux/amd64"), Some(1));
        assert_eq!(chosen(&["linux/amd64", "linux/amd64/v3"], "linux/amd64/v4"), Some(1));
    }

    #[test]
    fn platforms_are_shown_as_users_type_them() {
        assert_eq!(display(&platform("linux/aarch64/v8")), "linux/arm64");
        assert_eq!(display(&platform("linux/armhf")), "linux/arm/v7");
    }
}
