//! Asking a container whether it works: by a command in it, or over its network without any.

pub(crate) mod fuzzing;
mod grpc;
mod http;
mod target;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use self::target::{Namespace, Target};
use crate::container::Handle;
use crate::{Engine, Error};

/// How probes name themselves.
const USER_AGENT: &str = concat!("teu-health/", env!("CARGO_PKG_VERSION"));

/// More of an answer is not looked at: what is shown is cut shorter than that.
const MOST: usize = 8192;

/// What is asked. In the API it is a list whose first word says which: `CMD` with its arguments, `CMD-SHELL` with a
/// line for the container's shell, `HTTP` with an address, `TCP` with a port, `GRPC` with a port and a service's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Probe {
    /// A command in the container, which exits with 0 if all is well.
    Command(Vec<String>),
    /// A page that answers with a status from 200 to 399.
    Http { target: Target, path: String },
    /// A port that takes connections.
    Tcp(Target),
    /// A server of `grpc.health.v1` that says this service (empty: all of it) is serving.
    Grpc { target: Target, service: String },
}

impl Probe {
    /// Reads a test as the API has it. None if there is nothing to ask: `NONE`, nothing, or a kind nobody knows.
    pub(crate) fn parse(test: &[String], shell: Option<&[String]>) -> Result<Option<Probe>, Error> {
        let Some((kind, rest)) = test.split_first() else { return Ok(None) };
        let invalid = |what: &str| Err(Error::Invalid(format!("{kind} in Healthcheck needs {what}")));
        let address = "an address such as 8080, localhost:8080 or 10.0.0.1:8080; names are not resolved";
        Ok(Some(match (kind.as_str(), rest) {
            ("CMD" | "CMD-SHELL", []) => return invalid("a command"),
            ("CMD", command) => Probe::Command(command.to_vec()),
            ("CMD-SHELL", [line, ..]) => Probe::Command(in_shell(shell, line)),
            ("HTTP", [url]) => match Target::with_path(url) {
                Some((target, path)) => Probe::Http { target, path },
                None => return invalid("an address such as http://localhost:8080/healthz; names are not resolved"),
            },
            ("HTTP", _) => return invalid("one address"),
            ("TCP", [text]) => match Target::parse(text) {
                Some(target) => Probe::Tcp(target),
                None => return invalid(address),
            },
            ("TCP", _) => return invalid("one address"),
            ("GRPC", [text] | [text, _]) => match Target::parse(text) {
                Some(target) => Probe::Grpc { target, service: rest.get(1).cloned().unwrap_or_default() },
                None => return invalid(address),
            },
            ("GRPC", _) => return invalid("one address, and a service's name if wanted"),
            _ => return Ok(None),
        }))
    }
}

/// A line for the image's shell.
fn in_shell(shell: Option<&[String]>, line: &str) -> Vec<String> {
    let shell = match shell {
        Some(words) if !words.is_empty() => words.to_vec(),
        _ => vec!["/bin/sh".to_owned(), "-c".to_owned()],
    };
    shell.into_iter().chain([line.to_owned()]).collect()
}

/// What a probe brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// 0 if all is well.
    pub(crate) code: i64,
    /// What it said.
    pub(crate) text: Vec<u8>,
}

impl Answer {
    fn well(text: impl Into<String>) -> Answer {
        Answer { code: 0, text: text.into().into_bytes() }
    }

    fn unwell(text: impl Into<String>) -> Answer {
        Answer { code: 1, text: text.into().into_bytes() }
    }
}

/// None if the time was over before there was an answer.
pub(crate) type Probed = Result<Option<Answer>, Error>;

/// Asks containers.
pub(crate) trait Prober: Send + Sync + Debug {
    /// Asks one, for at most `limit`.
    fn probe<'a>(
        &self,
        engine: &'a Engine,
        container: &'a Arc<Handle>,
        probe: &'a Probe,
        limit: Duration,
    ) -> BoxFuture<'a, Probed>;
}

/// The real ones.
#[derive(Debug)]
pub(crate) struct Probes;

impl Prober for Probes {
    fn probe<'a>(
        &self,
        engine: &'a Engine,
        container: &'a Arc<Handle>,
        probe: &'a Probe,
        limit: Duration,
    ) -> BoxFuture<'a, Probed> {
        match probe {
            Probe::Command(command) => command_probe(engine, container, command, limit).boxed(),
            other => async move {
                let asked = over_network(container, other);
                tokio::time::timeout(limit, asked).await.map_or(Ok(None), |answer| answer.map(Some))
            }
            .boxed(),
        }
    }
}

async fn command_probe(engine: &Engine, container: &Arc<Handle>, command: &[String], limit: Duration) -> Probed {
    let collected = engine.exec_collect(container, command, limit, MOST).await?;
    Ok(collected.map(|collected| Answer { code: i64::from(collected.exit_code), text: collected.output }))
}

async fn over_network(container: &Handle, probe: &Probe) -> Result<Answer, Error> {
    let pid = container.view().state.run().map(|run| run.pid);
    let pid = pid.ok_or_else(|| Error::NotRunning(container.id.clone()))?;
    let namespace =
        Namespace::of(pid).map_err(|source| Error::File { path: format!("/proc/{pid}/ns/net").into(), source })?;
    let answer = match probe {
        Probe::Http { target, path } => http::ask(&namespace, target, path).await,
        Probe::Tcp(target) => namespace.connect(target).await.map(|_| Answer::well(format!("{target}: connected"))),
        Probe::Grpc { target, service } => grpc::ask(&namespace, target, service).await,
        // Not over the network.
        Probe::Command(_) => Ok(Answer::unwell("")),
    };
    // Whatever goes wrong on the way is the container's answer.
    Ok(answer.unwrap_or_else(|error| Answer::unwell(error.to_string())))
}

#[cfg(test)]
mod tests {
    use super::{Probe, Target};

    fn parse(words: &[&str]) -> Result<Option<Probe>, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Probe::parse(&words, None).map_err(|error| error.to_string())
    }

    #[test]
    fn kinds() {
        let command = |words: &[&str]| Some(Probe::Command(words.iter().map(|w| (*w).to_owned()).collect()));
        let target = Target::parse("8080").expect("a target");
        assert_eq!(parse(&["CMD", "a", "b"]), Ok(command(&["a", "b"])));
        assert_eq!(parse(&["CMD-SHELL", "a b"]), Ok(command(&["/bin/sh", "-c", "a b"])));
        let http = Probe::Http { target: target.clone(), path: "/up?x=1".to_owned() };
        assert_eq!(parse(&["HTTP", "http://localhost:8080/up?x=1"]), Ok(Some(http)));
        assert_eq!(parse(&["TCP", "8080"]), Ok(Some(Probe::Tcp(target.clone()))));
        let grpc = Probe::Grpc { target, service: "x.Y".to_owned() };
        assert_eq!(parse(&["GRPC", "localhost:8080", "x.Y"]), Ok(Some(grpc)));
        for nothing in [&["NONE"][..], &[], &["FOO", "x"]] {
            assert_eq!(parse(nothing), Ok(None));
        }
        for bad in [&["CMD"][..], &["HTTP", "https://localhost"], &["HTTP"], &["TCP", "web:80"], &["GRPC", "x"]] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_images_shell() {
        let shell = ["/bin/ash".to_owned(), "-ec".to_owned()];
        let test = ["CMD-SHELL".to_owned(), "x".to_owned()];
        let expected = Probe::Command(vec!["/bin/ash".to_owned(), "-ec".to_owned(), "x".to_owned()]);
        assert_eq!(Probe::parse(&test, Some(&shell)).expect("valid"), Some(expected));
    }
}
