//! API versions, `1.24` to `1.56`, and their negotiation.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

/// What the executable was built from. Only the executable itself knows: a commit that were known down here would have
/// everything built anew with each one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Build {
    /// The commit, or `unknown`.
    pub commit: &'static str,
    /// When its sources were made, in seconds since 1970; builds of the same sources say the same.
    pub time: Option<i64>,
}

static BUILD: OnceLock<Build> = OnceLock::new();

impl Build {
    /// Tells the process what it was built from. The first to tell is believed.
    pub fn declare(self) {
        BUILD.get_or_init(|| self);
    }

    /// What was told.
    pub fn current() -> Self {
        BUILD.get().copied().unwrap_or(Self { commit: "unknown", time: None })
    }
}

/// An API version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion {
    /// Before the dot; 1 since ever.
    pub major: u16,
    /// After the dot.
    pub minor: u16,
}

impl ApiVersion {
    /// Oldest version served and spoken.
    pub const MIN: Self = Self { major: 1, minor: 24 };
    /// Newest version served and spoken.
    pub const MAX: Self = Self { major: 1, minor: 56 };

    /// The version to speak with an engine whose newest is `server`, as Docker's client chooses it.
    /// Engines that do not say theirs are taken for the oldest.
    pub fn negotiate(server: Option<Self>) -> Self {
        server.unwrap_or(Self::MIN).min(Self::MAX)
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for ApiVersion {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let number = |part: &str| match part.bytes().all(|byte| byte.is_ascii_digit()) {
            true => part.parse().map_err(|_| ParseError(text.to_owned())),
            false => Err(ParseError(text.to_owned())),
        };
        let (major, minor) = text.split_once('.').ok_or_else(|| ParseError(text.to_owned()))?;
        Ok(Self { major: number(major)?, minor: number(minor)? })
    }
}

/// The text is not an API version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid API version {0:?}")]
pub struct ParseError(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        let version = |text: &str| text.parse::<ApiVersion>().unwrap();
        assert!(version("1.9") < version("1.24"));
        assert_eq!(version("1.45").to_string(), "1.45");
        for bad in ["", "1", "1.", ".1", "1.x", "1.+4", "1.2.3", "v1.24", "1.99999"] {
            assert!(bad.parse::<ApiVersion>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_older_side_decides() {
        let version = |minor| ApiVersion { major: 1, minor };
        assert_eq!(ApiVersion::negotiate(Some(version(45))), version(45));
        assert_eq!(ApiVersion::negotiate(Some(version(99))), ApiVersion::MAX);
        assert_eq!(ApiVersion::negotiate(None), ApiVersion::MIN);
    }
}
