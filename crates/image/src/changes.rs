//! Dockerfile instructions that `import` and `commit` take as `--change`.

use std::collections::BTreeMap;

use teu_oci::image::{ContainerConfig, Empty, Healthcheck};

use crate::error::{Error, Result};

/// The shell of instructions in shell form.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// Applies instructions in order.
///
/// # Errors
/// If one is malformed or not among those that make sense without a build.
pub fn apply(config: &mut ContainerConfig, changes: &[String]) -> Result<()> {
    let mut has_command = false;
    for change in changes {
        let refuse = |reason: String| Error::Change { change: change.clone(), reason };
        let (name, rest) = change.trim().split_once(char::is_whitespace).unwrap_or((change.trim(), ""));
        let rest = rest.trim();
        if rest.is_empty() {
            return Err(refuse(format!("{} requires at least one argument", name.to_uppercase())));
        }
        let name = name.to_ascii_uppercase();
        has_command |= name == "CMD";
        instruction(config, &name, rest, has_command).map_err(refuse)?;
    }
    Ok(())
}

fn instruction(config: &mut ContainerConfig, name: &str, rest: &str, has_command: bool) -> Result<(), String> {
    match name {
        "CMD" => config.cmd = Some(command(rest)),
        "ENTRYPOINT" => {
            config.entrypoint = Some(command(rest));
            // A command that came with another entry point makes no sense with this one.
            if !has_command {
                config.cmd = None;
            }
        }
        "ENV" => pairs(rest)?.into_iter().for_each(|(name, value)| set_env(&mut config.env, &name, &value)),
        "LABEL" => config.labels.extend(pairs(rest)?),
        "EXPOSE" => {
            for port in words(rest)? {
                expose(&mut config.exposed_ports, &port)?;
            }
        }
        "VOLUME" => {
            let paths = match json_words(rest) {
                Some(paths) => paths,
                None => words(rest)?,
            };
            config.volumes.extend(paths.into_iter().map(|path| (path, Empty {})));
        }
        "USER" => config.user = rest.to_owned(),
        "WORKDIR" => config.working_dir = join(&config.working_dir, rest),
        "STOPSIGNAL" => config.stop_signal = Some(rest.to_owned()),
        "ONBUILD" => config.on_build.push(on_build(rest)?),
        "HEALTHCHECK" => config.healthcheck = Some(healthcheck(rest)?),
        _ => return Err(format!("{name} is not a valid change command")),
    }
    Ok(())
}

/// `["a", "b"]`, or a line for the shell.
fn command(rest: &str) -> Vec<String> {
    json_words(rest).unwrap_or_else(|| SHELL.into_iter().chain([rest]).map(str::to_owned).collect())
}

fn json_words(rest: &str) -> Option<Vec<String>> {
    if rest.starts_with('[') { serde_json::from_str(rest).ok() } else { None }
}

/// `a=b "c d"=e`, or the old `a b c` which is one pair.
fn pairs(rest: &str) -> Result<Vec<(String, String)>, String> {
    let first = rest.split_whitespace().next().unwrap_or_default();
    if !first.contains('=') {
        let (name, value) = rest.split_once(char::is_whitespace).ok_or("must have two arguments")?;
        return Ok(vec![(name.to_owned(), value.trim().to_owned())]);
    }
    words(rest)?
        .into_iter()
        .map(|word| match word.split_once('=') {
            Some(("", _)) => Err("names can not be blank".to_owned()),
            Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
            None => Err(format!("can't find = in {word:?}. Must be of the form: name=value")),
        })
        .collect()
}

/// Words as a shell splits them: quotes and backslashes, no expansion.
fn words(rest: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(chars.next()),
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("unexpected end of statement while looking for a matching quote".to_owned());
    }
    words.extend(word);
    Ok(words)
}

fn set_env(env: &mut Vec<String>, name: &str, value: &str) {
    let entry = format!("{name}={value}");
    let same = |known: &&mut String| known.split_once('=').is_some_and(|(known, _)| known == name);
    match env.iter_mut().find(same) {
        Some(known) => *known = entry,
        None => env.push(entry),
    }
}

/// `80`, `80/udp`, `8000-8010/tcp`.
fn expose(ports: &mut BTreeMap<String, Empty>, text: &str) -> Result<(), String> {
    let invalid = || format!("invalid containerPort: {text}");
    let (range, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = protocol.to_ascii_lowercase();
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(format!("invalid proto: {protocol}"));
    }
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let first: u16 = first.parse().map_err(|_| invalid())?;
    let last: u16 = last.parse().map_err(|_| invalid())?;
    if first > last {
        return Err(invalid());
    }
    ports.extend((first..=last).map(|port| (format!("{port}/{protocol}"), Empty {})));
    Ok(())
}

/// A relative folder goes on from the last one.
fn join(current: &str, path: &str) -> String {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{current}/{path}") };
    let mut parts = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn on_build(rest: &str) -> Result<String, String> {
    let trigger = rest.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    match trigger.as_str() {
        "ONBUILD" => Err("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed".to_owned()),
        "MAINTAINER" | "FROM" => Err(format!("{trigger} isn't allowed as an ONBUILD trigger")),
        _ => Ok(rest.to_owned()),
    }
}

/// `NONE`, or options and `CMD …`.
fn healthcheck(mut rest: &str) -> Result<Healthcheck, String> {
    let mut check = Healthcheck::default();
    while let Some(option) = rest.strip_prefix("--") {
        let (option, tail) = option.split_once(char::is_whitespace).unwrap_or((option, ""));
        let (name, value) = option.split_once('=').ok_or_else(|| format!("--{option} needs a value"))?;
        let duration = || duration(value).ok_or_else(|| format!("invalid duration {value:?} of --{name}"));
        match name {
            "interval" => check.interval = duration()?,
            "timeout" => check.timeout = duration()?,
            "start-period" => check.start_period = duration()?,
            "start-interval" => check.start_interval = duration()?,
            "retries" => {
                check.retries = value.parse().ok().filter(|n| *n >= 0).ok_or(format!("invalid --retries {value:?}"))?;
            }
            _ => return Err(format!("unknown flag: {name}")),
        }
        rest = tail.trim_start();
    }
    let (kind, arguments) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let arguments = arguments.trim();
    check.test = match (kind.to_ascii_uppercase().as_str(), arguments) {
        ("NONE", "") => vec!["NONE".to_owned()],
        ("NONE", _) => return Err("HEALTHCHECK NONE takes no arguments".to_owned()),
        ("CMD", "") => return Err("missing command after HEALTHCHECK CMD".to_owned()),
        ("CMD", line) => match json_words(line) {
            Some(words) => std::iter::once("CMD".to_owned()).chain(words).collect(),
            None => vec!["CMD-SHELL".to_owned(), line.to_owned()],
        },
        (other, _) => return Err(format!("unknown type {other:?} in HEALTHCHECK (try CMD)")),
    };
    Ok(check)
}

/// A duration in Go's form, `1m30s`, in nanoseconds.
fn duration(text: &str) -> Option<i64> {
    const UNITS: [(&str, f64); 8] =
        [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];
    if text == "0" {
        return Some(0);
    }
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let end = rest[digits..].find(|c: char| c.is_ascii_digit() || c == '.').map_or(rest.len(), |at| digits + at);
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == &rest[digits..end])?;
        total += number * unit;
        rest = &rest[end..];
    }
    // Up to 292 years, as in Go.
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    (!text.is_empty() && total < 9.2e18).then_some(total as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(changes: &[&str]) -> Result<ContainerConfig> {
        let mut config = ContainerConfig::default();
        let changes: Vec<String> = changes.iter().map(|&change| change.to_owned()).collect();
        apply(&mut config, &changes).map(|()| config)
    }

    #[test]
    fn every_instruction() {
        let config = applied(&[
            r#"CMD ["sh", "-c", "true"]"#,
            "env A=b C=\"d e\" F=g\\ h",
            "ENV OLD style value",
            "ENV A=z",
            "LABEL l=1 'm n'=2",
            "EXPOSE 80 53/udp 8000-8001",
            "VOLUME /a /b",
            r#"VOLUME ["/c"]"#,
            "USER 1000:1000",
            "WORKDIR /x/y",
            "WORKDIR ../z",
            "STOPSIGNAL SIGQUIT",
            "ONBUILD RUN true",
            "HEALTHCHECK --interval=1m30s --retries=3 CMD curl x",
        ])
        .unwrap();
        assert_eq!(config.cmd.unwrap(), ["sh", "-c", "true"]);
        assert_eq!(config.env, ["A=z", "C=d e", "F=g h", "OLD=style value"]);
        assert_eq!(config.labels.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>(), ["l=1", "m n=2"]);
        assert_eq!(config.exposed_ports.into_keys().collect::<Vec<_>>(), ["53/udp", "80/tcp", "8000/tcp", "8001/tcp"]);
        assert_eq!(config.volumes.into_keys().collect::<Vec<_>>(), ["/a", "/b", "/c"]);
        assert_eq!((config.user.as_str(), config.working_dir.as_str()), ("1000:1000", "/x/z"));
        assert_eq!(config.stop_signal.as_deref(), Some("SIGQUIT"));
        assert_eq!(config.on_build, ["RUN true"]);
        let check = config.healthcheck.unwrap();
        assert_eq!((check.interval, check.retries), (90_000_000_000, 3));
        assert_eq!(check.test, ["CMD-SHELL", "curl x"]);
    }

    #[test]
    fn entrypoint_resets_an_inherited_command_only() {
        let config = applied(&["CMD a", "ENTRYPOINT [\"b\"]"]).unwrap();
        assert_eq!(config.cmd.unwrap(), ["/bin/sh", "-c", "a"]);
        let mut config = ContainerConfig { cmd: Some(vec!["x".into()]), ..ContainerConfig::default() };
        apply(&mut config, &["ENTRYPOINT [\"b\"]".to_owned()]).unwrap();
        assert_eq!(config.cmd, None);
    }

    #[test]
    fn refused() {
        for change in [
            "",
            "CMD",
            "RUN true",
            "FROM x",
            "ENV A",
            "ENV =b",
            "ENV a=b c",
            "LABEL a=\"b",
            "EXPOSE x",
            "EXPOSE 80/x",
            "EXPOSE 9-8",
            "ONBUILD ONBUILD RUN x",
            "HEALTHCHECK x",
            "HEALTHCHECK CMD",
            "HEALTHCHECK NONE x",
            "HEALTHCHECK --interval=x CMD y",
        ] {
            assert!(matches!(applied(&[change]), Err(Error::Change { .. })), "{change}");
        }
    }

    #[test]
    fn durations() {
        for (text, expected) in [
            ("30s", Some(30_000_000_000)),
            ("1h", Some(3_600_000_000_000)),
            ("1.5s", Some(1_500_000_000)),
            ("0", Some(0)),
            ("", None),
            ("5", None),
            ("s", None),
            ("1x", None),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
    }
}
