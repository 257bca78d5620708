//! Filters of list, prune and event routes.

use crate::json;
use std::collections::{BTreeMap, BTreeSet};

/// Values by name. Values of one name are alternatives, names must all match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters(BTreeMap<String, BTreeSet<String>>);

impl Filters {
    /// No filter.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the JSON of a query: `{"label":{"a=b":true}}`, or as old clients write it, `{"label":["a=b"]}`.
    ///
    /// # Errors
    /// The text is neither.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        type New = BTreeMap<String, BTreeMap<String, bool>>;
        type Old = BTreeMap<String, Vec<String>>;
        if let Ok(new) = json::from_slice::<New>(text.as_bytes()) {
            // Docker keeps values that are explicitly false, too.
            return Ok(Self(new.into_iter().map(|(name, values)| (name, values.into_keys().collect())).collect()));
        }
        let old: Old = json::from_slice(text.as_bytes()).map_err(Error::Json)?;
        Ok(Self(old.into_iter().map(|(name, values)| (name, values.into_iter().collect())).collect()))
    }

    /// Writes the JSON of a query.
    pub fn to_json(&self) -> String {
        let map: BTreeMap<_, BTreeMap<_, _>> =
            self.0.iter().map(|(name, values)| (name, values.iter().map(|value| (value, true)).collect())).collect();
        serde_json::to_string(&map).unwrap_or_default()
    }

    /// Adds a value.
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.entry(name.into()).or_default().insert(value.into());
    }

    /// Whether nothing is filtered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a name has values.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// All names with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|(name, values)| values.iter().map(|value| (name.as_str(), value.as_str())))
    }

    /// The values of a name.
    pub fn get(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.get(name).into_iter().flatten().map(String::as_str)
    }

    /// Whether a name has no values, or `value` among them.
    pub fn matches(&self, name: &str, value: &str) -> bool {
        self.matches_by(name, |wanted| wanted == value)
    }

    /// Whether a name has no values, or one that `matches` accepts.
    pub fn matches_by(&self, name: &str, matches: impl FnMut(&str) -> bool) -> bool {
        match self.0.get(name) {
            None => true,
            Some(values) => values.iter().map(String::as_str).any(matches),
        }
    }

    /// Whether `labels` have all the wanted labels, each `name` or `name=value`.
    pub fn matches_labels(&self, name: &str, labels: &BTreeMap<String, String>) -> bool {
        self.get(name).all(|wanted| match wanted.split_once('=') {
            Some((key, value)) => labels.get(key).is_some_and(|found| found == value),
            None => labels.contains_key(wanted),
        })
    }

    /// The boolean value of a name, if given.
    ///
    /// # Errors
    /// It is not one boolean.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, Error> {
        let Some(values) = self.0.get(name) else { return Ok(None) };
        let has = |names: [&str; 2]| names.iter().any(|name| values.contains(*name));
        match (has(["1", "true"]), has(["0", "false"])) {
            (true, false) => Ok(Some(true)),
            (false, true) => Ok(Some(false)),
            _ => {
                Err(Error::Value { name: name.to_owned(), value: values.iter().cloned().collect::<Vec<_>>().join(" ") })
            }
        }
    }

    /// Checks that only known names are used.
    ///
    /// # Errors
    /// One that is not known.
    pub fn validate(&self, known: &[&str]) -> Result<(), Error> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(Error::Unknown(name.clone())),
            None => Ok(()),
        }
    }
}

/// Why filters were refused; messages as Docker's.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not the JSON of filters.
    #[error("invalid filter")]
    Json(#[source] serde_json::Error),
    /// A name the route does not know.
    #[error("invalid filter '{0}'")]
    Unknown(String),
    /// A value that is not of the kind wanted.
    #[error("invalid filter '{name}=[{value}]'")]
    Value {
        /// Name of the filter.
        name: String,
        /// Its value.
        value: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_read_alike() {
        let new = Filters::parse(r#"{"label":{"a=b":true,"c":true},"status":{"running":true}}"#).unwrap();
        let old = Filters::parse(r#"{"label":["a=b","c"],"status":["running"]}"#).unwrap();
        assert_eq!(new, old);
        assert_eq!(Filters::parse(&new.to_json()).unwrap(), new);
        assert!(Filters::parse("").unwrap().is_empty());
        assert!(Filters::parse("[]").is_err());
        assert!(Filters::parse("{").is_err());
    }

    #[test]
    fn values_are_alternatives_and_labels_all_must_match() {
        let filters = Filters::parse(r#"{"label":["a=b","c"],"status":["running","paused"]}"#).unwrap();
        assert!(filters.matches("status", "paused") && !filters.matches("status", "dead"));
        assert!(filters.matches("other", "anything"));
        let labels = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        assert!(filters.matches_labels("label", &labels(&[("a", "b"), ("c", "")])));
        assert!(!filters.matches_labels("label", &labels(&[("a", "x"), ("c", "")])));
        assert!(!filters.matches_labels("label", &labels(&[("a", "b")])));
    }

    #[test]
    fn booleans_and_unknown_names() {
        let filters = Filters::parse(r#"{"dangling":["true"],"bad":["maybe"]}"#).unwrap();
        assert_eq!(filters.boolean("dangling").unwrap(), Some(true));
        assert_eq!(filters.boolean("none").unwrap(), None);
        assert_eq!(filters.boolean("bad").unwrap_err().to_string(), "invalid filter 'bad=[maybe]'");
        assert_eq!(filters.validate(&["dangling"]).unwrap_err().to_string(), "invalid filter 'bad'");
    }
}
