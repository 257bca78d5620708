//! Names of containers: what is allowed, and what a nameless one is called.

use crate::{Error, ids};

/// Docker's rule for names; clients match on the text.
const RULE: &str = "[a-zA-Z0-9][a-zA-Z0-9_.-]";

const ADJECTIVES: &[&str] = &[
    "able", "agile", "airy", "amber", "ample", "apt", "azure", "balmy", "bold", "brave", "breezy", "brief", "bright",
    "brisk", "calm", "candid", "cheery", "civil", "clear", "clever", "coral", "cosy", "crisp", "curious", "dapper",
    "daring", "deft", "dewy", "eager", "earnest", "easy", "even", "exact", "fabled", "fair", "famed", "fleet",
    "fluent", "fond", "frank", "fresh", "gentle", "giddy", "glad", "golden", "grand", "hale", "handy", "happy",
    "hardy", "hearty", "honest", "humble", "ideal", "jaunty", "jolly", "jovial", "keen", "kind", "lively", "lofty",
    "loyal", "lucid", "lucky", "mellow", "merry", "mild", "mirthful", "modest", "neat", "nimble", "noble", "novel",
    "placid", "plucky", "polite", "prime", "proud", "quick", "quiet", "ready", "regal", "robust", "rosy", "sage",
    "serene", "sharp", "silver", "sleek", "smart", "snug", "solid", "spry", "steady", "sturdy", "sunny", "swift",
    "tidy", "tranquil", "trusty", "upbeat", "valiant", "vivid", "warm", "wise", "witty", "zesty",
];

/// People who worked on the sea, on ships, on charts and on boxes, and some who worked on machines.
const SURNAMES: &[&str] = &[
    "amundsen",
    "bache",
    "baffin",
    "barents",
    "beaufort",
    "bering",
    "bligh",
    "bougainville",
    "bowditch",
    "brunel",
    "cabot",
    "cabral",
    "cartier",
    "columbus",
    "cook",
    "cousteau",
    "coxinga",
    "dampier",
    "darling",
    "davis",
    "dias",
    "drake",
    "earhart",
    "earle",
    "elcano",
    "ericsson",
    "fitzroy",
    "flinders",
    "forbes",
    "franklin",
    "frobisher",
    "fulton",
    "gama",
    "gatty",
    "gilbert",
    "gould",
    "grenville",
    "halley",
    "hanno",
    "harrison",
    "hawkins",
    "heyerdahl",
    "hudson",
    "humboldt",
    "hutchinson",
    "isherwood",
    "jansz",
    "jeffers",
    "kidd",
    "kotzebue",
    "laperouse",
    "lovelace",
    "mackenzie",
    "magellan",
    "marconi",
    "maury",
    "mawson",
    "mclean",
    "mercator",
    "monturiol",
    "nansen",
    "nelson",
    "nobile",
    "okeanos",
    "orellana",
    "ortelius",
    "parsons",
    "peary",
    "perouse",
    "piccard",
    "pinzon",
    "plimsoll",
    "pytheas",
    "raleigh",
    "rickover",
    "ross",
    "scoresby",
    "scott",
    "semmes",
    "shackleton",
    "slocum",
    "stevin",
    "tasman",
    "tharp",
    "torres",
    "tupaia",
    "ulloa",
    "urdaneta",
    "vancouver",
    "verrazzano",
    "vespucci",
    "villiers",
    "walsh",
    "weddell",
    "wegener",
    "wilkes",
    "worsley",
    "zacuto",
    "zheng",
];

/// Checks a name and takes the slash off that Docker allows in front.
pub(crate) fn check(name: &str) -> Result<&str, Error> {
    let bare = name.strip_prefix('/').unwrap_or(name);
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    let good = bare.len() >= 2 && bare.as_bytes()[0].is_ascii_alphanumeric() && bare.bytes().all(allowed);
    if good {
        Ok(bare)
    } else {
        Err(Error::Invalid(format!("Invalid container name ({name}), only {RULE} are allowed")))
    }
}

/// A name at random; `taken` says which are not free.
pub(crate) fn random(taken: impl Fn(&str) -> bool) -> String {
    let mut attempt = 0u32;
    loop {
        let pair = format!("{}_{}", ADJECTIVES[ids::below(ADJECTIVES.len())], SURNAMES[ids::below(SURNAMES.len())]);
        // Ten thousand pairs run out one day; a growing number in the end does not.
        let name =
            if attempt < 6 { pair } else { format!("{pair}{}", ids::below(10usize.saturating_pow(attempt / 6))) };
        if !taken(&name) {
            return name;
        }
        attempt = attempt.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::{check, random};

    #[test]
    fn rules() {
        for good in ["ab", "a0", "0a", "a.b-c_d", "/web", "A_"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "_a", "-a", ".a", "a b", "a/b", "//ab", "ä1", "a:b"] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert_eq!(
            check("_a").unwrap_err().to_string(),
            "Invalid container name (_a), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
        );
    }

    #[test]
    fn random_names_are_valid_and_free() {
        let name = random(|n| n.len() < 12);
        assert!(name.len() >= 12 && check(&name).is_ok());
    }
}
