//! Environment variables and labels from flags and files.

use std::path::Path;

use anyhow::{Context, bail};

/// `-e NAME=value` as it is, `-e NAME` with the value of the caller's own variable.
///
/// A variable that the caller has not set stays `NAME`, which the engine takes as "unset it in the container".
pub(crate) fn variable(text: &str) -> anyhow::Result<String> {
    if text.is_empty() || text.starts_with('=') {
        bail!("invalid environment variable: {text}");
    }
    if !text.contains('=')
        && let Ok(value) = std::env::var(text)
    {
        return Ok(format!("{text}={value}"));
    }
    Ok(text.to_owned())
}

/// The variables of all files in order, then those given one by one: the latter win, since the engine takes the last.
pub(crate) fn collect(files: &[String], single: &[String]) -> anyhow::Result<Vec<String>> {
    let mut all = Vec::new();
    for file in files {
        all.extend(parse(&read(file)?, |name| std::env::var(name).ok()).with_context(|| context(file))?);
    }
    all.extend_from_slice(single);
    Ok(all)
}

/// The labels of all files, then those given one by one.
pub(crate) fn collect_labels(files: &[String], single: &[String]) -> anyhow::Result<Vec<String>> {
    let mut all = Vec::new();
    for file in files {
        // A label without a value is left out, as Docker has it; on the command line it is empty.
        all.extend(parse(&read(file)?, |_| None).with_context(|| context(file))?);
    }
    all.extend_from_slice(single);
    Ok(all)
}

fn context(file: &str) -> String {
    format!("invalid env file ({file})")
}

fn read(file: &str) -> anyhow::Result<String> {
    let bytes = std::fs::read(Path::new(file)).map_err(|error| crate::error::go_io("open", file, &error))?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let line = bytes[..error.valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
            bail!("invalid env file ({file}): env file {file} contains invalid utf8 bytes at line {line}")
        }
    }
}

/// Reads `NAME=value` lines; `#` starts a comment line; a bare `NAME` is looked up, and left out when not found.
pub(crate) fn parse(text: &str, lookup: impl Fn(&str) -> Option<String>) -> anyhow::Result<Vec<String>> {
    let mut variables = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for line in text.lines() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (line, None),
        };
        if name.is_empty() {
            bail!("no variable name on line '{line}'");
        }
        if name.trim_end().contains(char::is_whitespace) || (value.is_some() && name.ends_with(char::is_whitespace)) {
            bail!("variable '{name}' contains whitespaces");
        }
        match value {
            Some(value) => variables.push(format!("{name}={value}")),
            None => variables.extend(lookup(name.trim_end()).map(|value| format!("{}={value}", name.trim_end()))),
        }
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files() {
        let text = "\u{feff}# comment\n\n  A=1\nB=two words\nHOME\nMISSING\nC=\r\nD=x=y\n";
        let lookup = |name: &str| (name == "HOME").then(|| "/root".to_owned());
        assert_eq!(parse(text, lookup).unwrap(), ["A=1", "B=two words", "HOME=/root", "C=", "D=x=y"]);
    }

    #[test]
    fn file_errors() {
        let none = |_: &str| None;
        assert_eq!(parse("=x", none).unwrap_err().to_string(), "no variable name on line '=x'");
        assert_eq!(parse("A B=x", none).unwrap_err().to_string(), "variable 'A B' contains whitespaces");
        assert_eq!(parse("A =x", none).unwrap_err().to_string(), "variable 'A ' contains whitespaces");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = collect(&["/nonexistent/env".to_owned()], &[]).unwrap_err();
        assert_eq!(error.to_string(), "open /nonexistent/env: no such file or directory");
    }

    #[test]
    fn variables_come_from_the_environment() {
        assert_eq!(variable("A=1").unwrap(), "A=1");
        assert_eq!(variable("PATH").unwrap(), format!("PATH={}", std::env::var("PATH").unwrap()));
        assert_eq!(variable("TEU_SURELY_UNSET").unwrap(), "TEU_SURELY_UNSET");
        assert_eq!(variable("=x").unwrap_err().to_string(), "invalid environment variable: =x");
    }
}
