//! A connection to systemd's own socket, `/run/systemd/private`, which speaks D-Bus without a bus between.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::message::{ERROR, FIXED_HEADER, REPLY, Reader, Received, SIGNAL, Writer, call, message_length, parse};

/// How long systemd may take to answer, or to finish a job.
const LIMIT: Duration = Duration::from_secs(10);

/// Open to root alone; `systemctl` uses it too.
const SOCKET: &str = "/run/systemd/private";

/// A connection over which one call is made at a time.
#[derive(Debug)]
pub(super) struct Connection {
    stream: UnixStream,
    serial: u32,
    /// Signals that came while a reply was waited for.
    signals: Vec<Received>,
}

impl Connection {
    pub(super) fn open() -> io::Result<Connection> {
        Connection::open_at(Path::new(SOCKET))
    }

    fn open_at(socket: &Path) -> io::Result<Connection> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        let mut connection = Connection { stream, serial: 0, signals: Vec::new() };
        connection.authenticate()?;
        Ok(connection)
    }

    /// SASL EXTERNAL: the kernel tells systemd who this is; the user id is given as hexadecimal of its digits.
    fn authenticate(&mut self) -> io::Result<()> {
        let uid = rustix::process::geteuid().as_raw().to_string();
        let uid: String = uid.bytes().map(|digit| format!("{digit:02x}")).collect();
        self.stream.write_all(format!("\0AUTH EXTERNAL {uid}\r\n").as_bytes())?;
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(b"\r\n") && answer.len() < 512 {
            self.stream.read_exact(&mut byte)?;
            answer.push(byte[0]);
        }
        if !answer.starts_with(b"OK") {
            return Err(invalid("systemd did not accept the authentication"));
        }
        self.stream.write_all(b"BEGIN\r\n")
    }

    /// Calls a method of the manager. Yields the body of the reply.
    pub(super) fn call(&mut self, member: &str, signature: &str, body: Writer) -> io::Result<Vec<u8>> {
        self.serial += 1;
        self.stream.write_all(&call(self.serial, member, signature, body.finish()))?;
        loop {
            let received = self.receive()?;
            match received.kind {
                REPLY if received.reply_to == Some(self.serial) => return Ok(received.body),
                ERROR if received.reply_to == Some(self.serial) => {
                    let text = Reader::new(&received.body).text().unwrap_or_default();
                    return Err(io::Error::other(format!("{} ({})", text, received.error)));
                }
                SIGNAL => self.signals.push(received),
                _ => {}
            }
        }
    }

    /// Waits until a job is done, and says how: `done`, `failed`, `timeout` ….
    pub(super) fn wait_for_job(&mut self, job: &str) -> io::Result<String> {
        loop {
            let received = if self.signals.is_empty() { self.receive()? } else { self.signals.remove(0) };
            if received.kind == SIGNAL && received.member == "JobRemoved" {
                // id, job, unit, result
                let mut body = Reader::new(&received.body);
                let fields = (body.u32(), body.text(), body.text(), body.text());
                if let (Some(_), Some(path), Some(_), Some(result)) = fields
                    && path == job
                {
                    return Ok(result);
                }
            }
        }
    }

    fn receive(&mut self) -> io::Result<Received> {
        let mut header = [0; FIXED_HEADER];
        self.stream.read_exact(&mut header)?;
        let length = message_length(&header).ok_or_else(|| invalid("systemd sent no D-Bus message"))?;
        let mut message = header.to_vec();
        message.resize(length, 0);
        self.stream.read_exact(&mut message[FIXED_HEADER..])?;
        parse(&message).ok_or_else(|| invalid("systemd sent a damaged D-Bus message"))
    }
}

fn invalid(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    /// A message as systemd would send it: a call's layout with another kind and fields that matter put in its place.
    fn message(kind: u8, fields: &[(u8, &str, &str)], reply_to: Option<u32>, body: Writer) -> Vec<u8> {
        super::super::message::tests_support::message(kind, fields, reply_to, &body.finish())
    }

    #[test]
    fn a_job_is_started_and_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("private");
        let listener = UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = [0; 512];
            let length = stream.read(&mut bytes).unwrap();
            assert!(bytes[..length].starts_with(b"\0AUTH EXTERNAL 3"));
            stream.write_all(b"OK 1234\r\n").unwrap();
            let mut begin = [0; 7];
            stream.read_exact(&mut begin).unwrap();
            let length = stream.read(&mut bytes).unwrap();
            let request = parse(&bytes[..length]).unwrap();
            assert_eq!(request.member, "StartTransientUnit");
            let mut removed = Writer::default();
            removed.u32(4);
            ["/job/4", "x.scope", "done"].iter().for_each(|text| removed.text(text));
            // The signal may come before the reply.
            stream.write_all(&message(SIGNAL, &[(3, "s", "JobRemoved")], None, removed)).unwrap();
            let mut job = Writer::default();
            job.text("/job/4");
            stream.write_all(&message(REPLY, &[], Some(1), job)).unwrap();
            let mut text = Writer::default();
            text.text("no such unit");
            assert_ne!(stream.read(&mut bytes).unwrap(), 0);
            stream.write_all(&message(ERROR, &[(4, "s", "org.Gone")], Some(2), text)).unwrap();
        });
        let mut connection = Connection::open_at(&path).unwrap();
        let body = connection.call("StartTransientUnit", "", Writer::default()).unwrap();
        assert_eq!(Reader::new(&body).text().as_deref(), Some("/job/4"));
        assert_eq!(connection.wait_for_job("/job/4").unwrap(), "done");
        let error = connection.call("Other", "", Writer::default()).unwrap_err();
        assert_eq!(error.to_string(), "no such unit (org.Gone)");
        server.join().unwrap();
    }
}
