//! This machine's platform, and the choice of the image made for it.

use teu_oci::image::{ANNOTATION_REFERENCE_TYPE, Descriptor, Platform};

/// The platform of this machine, in Go's names.
pub fn host() -> Platform {
    let (architecture, variant) = match std::env::consts::ARCH {
        "x86_64" => ("amd64", None),
        "x86" => ("386", None),
        "aarch64" => ("arm64", Some("v8")),
        "arm" => ("arm", Some("v7")),
        "powerpc64" => ("ppc64le", None),
        other => (other, None),
    };
    Platform {
        os: "linux".to_owned(),
        architecture: architecture.to_owned(),
        variant: variant.map(str::to_owned),
        ..Platform::default()
    }
}

/// How well an image for `image` runs where `wanted` is asked for: `None` if not, else larger is better.
///
/// Without a variant `arm64` is `v8` and `arm` is `v7`; lower variants of `arm` run on higher ones.
pub fn fit(image: &Platform, wanted: &Platform) -> Option<u32> {
    if image.os != wanted.os || image.architecture != wanted.architecture {
        return None;
    }
    let variant = |platform: &Platform| -> Option<u32> {
        let default = match platform.architecture.as_str() {
            "arm64" => "v8",
            "arm" => "v7",
            // amd64's levels: an image for the base level has no variant.
            "amd64" => "v1",
            _ => "v0",
        };
        let variant = platform.variant.as_deref().filter(|variant| !variant.is_empty()).unwrap_or(default);
        variant.strip_prefix('v')?.parse().ok()
    };
    let (image, wanted) = (variant(image)?, variant(wanted)?);
    (image <= wanted).then_some(image)
}

/// The entry of an index that is best for a platform; attestations are none.
pub fn choose<'a>(manifests: &'a [Descriptor], wanted: &Platform) -> Option<&'a Descriptor> {
    manifests
        .iter()
        .filter(|entry| !entry.annotations.contains_key(ANNOTATION_REFERENCE_TYPE))
        .filter_map(|entry| Some((fit(entry.platform.as_ref()?, wanted)?, entry)))
        // The first of equals.
        .rev()
        .max_by_key(|(fit, _)| *fit)
        .map(|(_, entry)| entry)
}

/// The entry of an index that is best for this machine.
pub(crate) fn best(manifests: &[Descriptor]) -> Option<&Descriptor> {
    choose(manifests, &host())
}

#[cfg(test)]
mod tests {
    use super::*;
    use teu_oci::digest::Digest;

    fn platform(text: &str) -> Platform {
        let mut parts = text.split('/').map(str::to_owned);
        Platform {
            os: parts.next().unwrap(),
            architecture: parts.next().unwrap(),
            variant: parts.next(),
            ..Platform::default()
        }
    }

    #[test]
    fn choices() {
        let all = ["linux/amd64", "linux/arm/v5", "linux/arm/v6", "linux/arm/v7", "linux/arm64/v8", "windows/amd64"];
        let mut manifests: Vec<_> =
            all.iter().map(|text| Descriptor::new("m", Digest::of(text.as_bytes()), 0)).collect();
        for (entry, text) in manifests.iter_mut().zip(all) {
            entry.platform = Some(platform(text));
        }
        for (wanted, expected) in [
            ("linux/amd64", Some("linux/amd64")),
            ("linux/amd64/v3", Some("linux/amd64")),
            ("linux/arm", Some("linux/arm/v7")),
            ("linux/arm/v6", Some("linux/arm/v6")),
            ("linux/arm64", Some("linux/arm64/v8")),
            ("windows/amd64", Some("windows/amd64")),
            ("linux/s390x", None),
        ] {
            let chosen = choose(&manifests, &platform(wanted)).map(|entry| entry.digest);
            assert_eq!(chosen, expected.map(|text| Digest::of(text.as_bytes())), "{wanted}");
        }
    }
}
