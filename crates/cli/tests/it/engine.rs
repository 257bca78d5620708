//! An engine that gives prepared answers and writes down what it was asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Method and path with query, without the version: `GET /containers/json?all=1`.
    pub(crate) line: String,
    /// The version in the path: `v1.56`; empty without one.
    pub(crate) version: String,
    /// Headers, names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// The engine. Whatever has no prepared answer is answered 404 in Docker's words.
pub(crate) struct Engine {
    folder: tempfile::TempDir,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// Status and body by the beginning of the request line.
type Answers = Vec<(String, u16, String)>;

impl Engine {
    /// An engine that answers requests whose line begins as given.
    pub(crate) fn new(answers: &[(&str, u16, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("sock")).unwrap();
        let answers: Answers =
            answers.iter().map(|(line, status, body)| ((*line).to_owned(), *status, (*body).to_owned())).collect();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answers, log) = (answers.clone(), Arc::clone(&log));
                std::thread::spawn(move || serve(&stream, &answers, &log));
            }
        });
        Self { folder, requests }
    }

    /// Writes `config.json`.
    pub(crate) fn configure(&self, text: &str) {
        std::fs::write(self.folder.path().join("config.json"), text).unwrap();
    }

    /// The command line, aimed here, with nothing of the user's own settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(arguments);
        command.env("DOCKER_HOST", format!("unix://{}", self.folder.path().join("sock").display()));
        command.env("DOCKER_CONFIG", self.folder.path());
        command
    }

    /// Runs a command line: exit code, standard output, standard error.
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        outcome(self.command(arguments).output().unwrap())
    }

    /// What was asked so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

/// The command line without an engine.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cli"));
    command.args(arguments).env_clear().env("TZ", "UTC").stdin(Stdio::null());
    command
}

/// Exit code, standard output, standard error.
pub(crate) fn outcome(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

fn serve(stream: &UnixStream, answers: &Answers, log: &Mutex<Vec<Request>>) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        let found = answers.iter().find(|(line, ..)| request.line.starts_with(line));
        let nothing = "{\"message\":\"page not found\"}".to_owned();
        // As Docker, which does not tell its version where it has no such route.
        let version = if found.is_some() { "Api-Version: 1.56\r\n" } else { "" };
        let (status, body) = found.map_or((404, nothing), |(_, status, body)| (*status, body.clone()));
        let is_stream = request.line.contains("/attach");
        log.lock().unwrap().push(request);
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} X\r\n{version}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        // An attached stream has nothing in it, and ends at once.
        if (&*stream).write_all(format!("{head}{body}").as_bytes()).is_err() || is_stream {
            return;
        }
    }
}

fn read(reader: &mut BufReader<&UnixStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let (method, rest) = line.split_once(' ')?;
    let target = rest.split(' ').next()?;
    // `/v1.56/…`
    let path = target.strip_prefix("/v1").and_then(|rest| rest.find('/').map(|at| &rest[at..])).unwrap_or(target);
    let version = target[..target.len() - path.len()].trim_start_matches('/').to_owned();
    let line = format!("{method} {path}");
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { line, version, headers, body: String::from_utf8_lossy(&body).into_owned() })
}
