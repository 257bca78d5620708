//! Engines behind `ssh://`: a command there connects its standard streams to the engine's socket.

use std::fmt;
use std::io::{self, Read, Seek};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::os::unix::process::CommandExt;
use std::pin::Pin;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::task::{Context, Poll, ready};

use rustix::fs::{MemfdFlags, memfd_create};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use url::Url;

use super::EndpointError;

/// Most that is shown of what `ssh` said.
const MAX_SAID: u64 = 4096;
/// Run by the shell there. Docker's own command serves where Teu is not installed.
const SCRIPT: &str =
    r#"command -v teu >/dev/null 2>&1 && exec teu "$@" system dial-stdio; exec docker "$@" system dial-stdio"#;

/// A machine that is reached by `ssh`, and the engine's socket there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshTarget {
    /// Name, address, or a `Host` of the user's configuration of ssh.
    host: String,
    user: Option<String>,
    port: Option<u16>,
    /// The engine's socket; none for what the command there finds by itself.
    path: Option<String>,
}

impl SshTarget {
    /// Reads `ssh://[user@]host[:port][/path]`.
    pub(super) fn parse(text: &str) -> Result<Self, EndpointError> {
        let invalid =
            |reason| EndpointError::Ssh { address: text.split_once('?').map_or(text, |(a, _)| a).to_owned(), reason };
        let url = Url::parse(text).map_err(|_| invalid("it is no address"))?;
        if url.password().is_some() {
            return Err(EndpointError::Ssh {
                address: format!("ssh://{}", url.host_str().unwrap_or_default()),
                reason: "a plain text password is not supported",
            });
        }
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        // The host is an argument of a program.
        if host.is_empty() || host.starts_with('-') {
            return Err(invalid("it names no host"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("nothing may follow the path"));
        }
        let user = decoded(url.username()).ok_or_else(|| invalid("an escape in the user's name is malformed"))?;
        let path = decoded(url.path()).ok_or_else(|| invalid("an escape in the path is malformed"))?;
        Ok(Self {
            host: host.to_owned(),
            user: Some(user).filter(|user| !user.is_empty()),
            port: url.port(),
            path: Some(path).filter(|path| !matches!(path.as_str(), "" | "/")),
        })
    }

    /// The command line, without the program's name. Nobody can be asked for a password: `ssh` is in the background, so
    /// that the terminal's signals do not end it.
    fn arguments(&self) -> Vec<String> {
        let mut arguments = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=30", "-T"].map(str::to_owned).to_vec();
        if let Some(user) = &self.user {
            arguments.extend(["-l".to_owned(), user.clone()]);
        }
        if let Some(port) = self.port {
            arguments.extend(["-p".to_owned(), port.to_string()]);
        }
        let mut script = format!("sh -c {} dial-stdio", quoted(SCRIPT));
        if let Some(path) = &self.path {
            script += &format!(" --host {}", quoted(&format!("unix://{path}")));
        }
        arguments.extend(["--".to_owned(), self.host.clone(), script]);
        arguments
    }

    /// Starts `ssh`. Whether it gets there is known with the first answer.
    pub(super) fn dial(&self) -> io::Result<SshStream> {
        let (ours, theirs) = StdUnixStream::pair()?;
        let said = std::fs::File::from(memfd_create("ssh", MemfdFlags::CLOEXEC)?);
        let child = Command::new("ssh")
            .args(self.arguments())
            .stdin(OwnedFd::from(theirs.try_clone()?))
            .stdout(OwnedFd::from(theirs))
            .stderr(Stdio::from(said.try_clone()?))
            .process_group(0)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("ssh cannot be run: {error}")))?;
        ours.set_nonblocking(true)?;
        let stream = UnixStream::from_std(ours)?;
        Ok(SshStream { stream, to: self.to_string(), process: Process::Running(child), said, heard: false })
    }
}

impl fmt::Display for SshTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ssh://")?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?
        } else {
            f.write_str(&self.host)?
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(self.path.as_deref().unwrap_or_default())
    }
}

/// Without the escapes of an address, `%20`; none where one is malformed, or stands for what no name may have.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        bytes.push(match byte {
            b'%' => {
                let (&[high, low], after) = rest.split_first_chunk::<2>()?;
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                rest = after;
                digit(high)? << 4 | digit(low)?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

/// One word for the shell there.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A connection by `ssh`: the other end of its standard streams.
#[derive(Debug)]
pub struct SshStream {
    stream: UnixStream,
    to: String,
    process: Process,
    /// What it says on standard error.
    said: std::fs::File,
    /// The engine answered: what ends now ends by its will.
    heard: bool,
}

#[derive(Debug)]
enum Process {
    Running(Child),
    Ending(JoinHandle<io::Result<ExitStatus>>),
    Ended,
}

impl SshStream {
    /// Why there was no answer, once the process has ended.
    fn poll_failure(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if let Process::Running(_) = &self.process
            && let Process::Running(mut child) = std::mem::replace(&mut self.process, Process::Ended)
        {
            self.process = Process::Ending(tokio::task::spawn_blocking(move || child.wait()));
        }
        let Process::Ending(ending) = &mut self.process else {
            return Poll::Ready(io::ErrorKind::UnexpectedEof.into());
        };
        let ended = ready!(Pin::new(ending).poll(cx));
        self.process = Process::Ended;
        let how = match ended {
            Ok(Ok(status)) => status.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        let mut said = Vec::new();
        // What cannot be read is not shown.
        let read = self.said.rewind().and_then(|()| (&mut self.said).take(MAX_SAID).read_to_end(&mut said));
        let said = read.map(|_| String::from_utf8_lossy(&said).trim().to_owned()).unwrap_or_default();
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        Poll::Ready(io::Error::other(format!("ssh to {} ended without an answer ({how}){said}", self.to)))
    }
}

impl AsyncRead for SshStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        if buf.filled().len() > before {
            self.heard = true;
        }
        if self.heard {
            return Poll::Ready(read);
        }
        let failure = ready!(self.poll_failure(cx));
        Poll::Ready(Err(failure))
    }
}

impl AsyncWrite for SshStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match ready!(Pin::new(&mut self.stream).poll_write(cx, buf)) {
            // Why is known to whoever reads.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe && !self.heard => {
                let failure = ready!(self.poll_failure(cx));
                Poll::Ready(Err(failure))
            }
            written => Poll::Ready(written),
        }
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Drop for SshStream {
    /// A command there that waits for output would stay.
    fn drop(&mut self) {
        if let Process::Running(child) = &mut self.process {
            // It may have ended already.
            let _ = child.kill().and_then(|()| child.wait());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_command_lines() {
        let line = |text: &str| SshTarget::parse(text).unwrap().arguments().split_off(5).join(" ");
        let script = format!("sh -c '{SCRIPT}' dial-stdio");
        assert_eq!(line("ssh://box"), format!("-- box {script}"));
        assert_eq!(line("ssh://me@box:2222/"), format!("-l me -p 2222 -- box {script}"));
        assert_eq!(line("ssh://[::1]/a'b.sock"), format!(r"-- ::1 {script} --host 'unix:///a'\''b.sock'"));
        assert_eq!(
            line("ssh://first%20last%40sea@box/a%20b%25.sock"),
            format!("-l first last@sea -- box {script} --host 'unix:///a b%.sock'")
        );
        assert_eq!(line("ssh://box/a b.sock"), format!("-- box {script} --host 'unix:///a b.sock'"));
        for text in ["ssh://box", "ssh://me@box:2222", "ssh://me@[::1]:9/x.sock"] {
            assert_eq!(SshTarget::parse(text).unwrap().to_string(), text);
        }
        for bad in [
            "ssh://",
            "ssh://-oProxyCommand=x",
            "ssh://box?x",
            "ssh://box#x",
            "ssh://box:x",
            "ssh://me%@box",
            "ssh://box/%zz",
            "ssh://box/%00",
        ] {
            assert!(SshTarget::parse(bad).is_err(), "{bad}");
        }
        let error = SshTarget::parse("ssh://me:secret@box").unwrap_err().to_string();
        assert!(error.contains("password") && !error.contains("secret"), "{error}");
    }
}
