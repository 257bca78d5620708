//! Query strings, read with Docker's rules and written for requests.

use crate::filters::{self, Filters};
use std::borrow::Cow;
use std::fmt::{Display, Write};
use std::str::FromStr;

/// The parameters of a request, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

/// Why a parameter was refused; messages as Docker's.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a number, or one out of range.
    #[error("invalid value for parameter {name}: strconv.Atoi: parsing {value:?}: invalid syntax")]
    Number {
        /// Name of the parameter.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// Malformed filters.
    #[error(transparent)]
    Filters(#[from] filters::Error),
}

impl Query {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the part of a target after `?`.
    pub fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name).into_owned(), decode(value).into_owned())
        });
        Self(pairs.collect())
    }

    /// The first value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a name.
    pub fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
    }

    /// The first value of a name, or an empty string.
    pub fn string(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    /// A boolean by Docker's rule: missing, empty, `0`, `no`, `false` and `none` are false, all else is true.
    pub fn flag(&self, name: &str) -> bool {
        self.flag_or(name, false)
    }

    /// A boolean that is `default` when missing.
    pub fn flag_or(&self, name: &str, default: bool) -> bool {
        let Some(value) = self.get(name) else { return default };
        !matches!(value.trim().to_ascii_lowercase().as_str(), "" | "0" | "no" | "false" | "none")
    }

    /// A number; missing when empty.
    ///
    /// # Errors
    /// It is none, or out of range.
    pub fn number<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, Error> {
        match self.get(name) {
            None | Some("") => Ok(None),
            Some(value) => match value.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(Error::Number { name, value: value.to_owned() }),
            },
        }
    }

    /// A number that must be given.
    ///
    /// # Errors
    /// It is missing, none, or out of range.
    pub fn required<T: FromStr>(&self, name: &'static str) -> Result<T, Error> {
        self.number(name)?.ok_or(Error::Number { name, value: String::new() })
    }

    /// The parameter `filters`.
    ///
    /// # Errors
    /// It is malformed.
    pub fn filters(&self) -> Result<Filters, Error> {
        Ok(Filters::parse(self.get("filters").unwrap_or_default())?)
    }

    /// Adds a parameter.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Display) -> Self {
        self.0.push((name.to_owned(), value.to_string()));
        self
    }

    /// Adds a parameter unless it is empty.
    #[must_use]
    pub fn text(self, name: &str, value: &str) -> Self {
        if value.is_empty() { self } else { self.set(name, value) }
    }

    /// Adds `name=1` if on.
    #[must_use]
    pub fn switch(self, name: &str, on: bool) -> Self {
        if on { self.set(name, 1) } else { self }
    }

    /// Adds `filters` unless empty.
    #[must_use]
    pub fn filter(self, filters: &Filters) -> Self {
        if filters.is_empty() { self } else { self.set("filters", filters.to_json()) }
    }
}

/// The query as it follows a path: empty, or `?` and the parameters.
impl Display for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (name, value)) in self.0.iter().enumerate() {
            f.write_char(if index == 0 { '?' } else { '&' })?;
            write!(f, "{}={}", encode(name), encode(value))?;
        }
        Ok(())
    }
}

/// Percent-encodes everything but RFC 3986's unreserved characters: right for a query's values and a path's segments.
pub fn encode(text: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if text.bytes().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
    Cow::Owned(out)
}

/// Undoes percent-encoding and `+`. Malformed escapes stay as they are; bytes that are not UTF-8 are replaced.
pub fn decode(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte == b'%' || byte == b'+') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        let value = escape.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], value) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(if byte == b'+' { b' ' } else { byte });
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_queries_read_back() {
        let query = Query::new().set("a b", "c&d=é+%").switch("on", true).switch("off", false).text("none", "");
        assert_eq!(query.to_string(), "?a%20b=c%26d%3D%C3%A9%2B%25&on=1");
        assert_eq!(Query::parse(&query.to_string()[1..]), query);
        assert_eq!(Query::new().to_string(), "");
    }

    #[test]
    fn booleans_follow_docker() {
        let query = Query::parse("a=1&b=0&c=False&d=&e&f=yes&g=none");
        let on: Vec<_> = ["a", "b", "c", "d", "e", "f", "g", "h"].into_iter().filter(|name| query.flag(name)).collect();
        assert_eq!(on, ["a", "f"]);
        assert!(query.flag_or("h", true) && !query.flag_or("b", true));
    }

    #[test]
    fn numbers_are_checked() {
        let query = Query::parse("t=-1&h=70000&x=abc&e=");
        assert_eq!(query.number::<i64>("t").unwrap(), Some(-1));
        assert_eq!(query.number::<i64>("e").unwrap(), None);
        assert!(query.number::<u16>("h").is_err());
        assert!(query.required::<u16>("missing").is_err());
        assert_eq!(
            query.number::<i64>("x").unwrap_err().to_string(),
            "invalid value for parameter x: strconv.Atoi: parsing \"abc\": invalid syntax"
        );
    }

    #[test]
    fn malformed_escapes_stay() {
        assert_eq!(decode("%zz%4"), "%zz%4");
        assert_eq!(decode("a+b%20c"), "a b c");
        assert_eq!(decode("%ff"), "\u{fffd}");
    }
}
