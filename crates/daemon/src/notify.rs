//! Messages to the service manager (`sd_notify(3)`).

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Tells the service manager about a change of state; without one, nothing happens.
pub(crate) fn tell(state: &str) {
    let Ok(target) = std::env::var("NOTIFY_SOCKET") else { return };
    if let Err(error) = send(&target, state) {
        tracing::warn!("cannot notify the service manager at {target}: {error}");
    }
}

/// Ready to answer.
pub(crate) fn ready() {
    tell("READY=1");
}

/// On the way out.
pub(crate) fn stopping() {
    tell("STOPPING=1");
}

/// Reading the configuration again; [`ready`] ends it. The manager wants to know since when.
pub(crate) fn reloading() {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
    tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
}

fn send(target: &str, state: &str) -> std::io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    let address = match target.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(target)?,
    };
    socket.send_to_addr(state.as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        send(path.to_str().unwrap(), "READY=1").unwrap();
        let mut got = [0; 32];
        let len = manager.recv(&mut got).unwrap();
        assert_eq!(&got[..len], b"READY=1");
    }
}
