use std::io::{IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde_json::json;

use crate::support::{Bundle, possible};

fn receive(listener: &UnixListener) -> OwnedFd {
    let (stream, _) = listener.accept().unwrap();
    let mut buffer = [0u8; 64];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    recvmsg(&stream, &mut [IoSliceMut::new(&mut buffer)], &mut control, RecvFlags::empty()).unwrap();
    let fd = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => fds.into_iter().next(),
        _ => None,
    });
    fd.unwrap()
}

/// Everything that is written to a terminal until its last user closes it.
fn read_all(master: OwnedFd) -> String {
    let mut file = std::fs::File::from(master);
    let mut text = Vec::new();
    let mut buffer = [0u8; 1024];
    // The end is an I/O error.
    while let Ok(length) = file.read(&mut buffer) {
        text.extend_from_slice(&buffer[..length]);
    }
    String::from_utf8(text).unwrap().replace('\r', "")
}

#[test]
fn a_terminal_of_the_containers_own_is_handed_over() {
    if !possible() {
        return;
    }
    let mut bundle =
        Bundle::new("tty; stat -c %t:%T /dev/console; [ -t 0 ] && echo interactive; echo console > /dev/console");
    bundle.config["process"]["terminal"] = json!(true);
    bundle.config["process"]["user"] = json!({"uid": 9, "gid": 9});
    bundle.write();
    let socket = bundle.path().join("console.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let mut create = bundle.command("create");
    create.arg("--bundle").arg(bundle.path()).arg("--console-socket").arg(&socket).arg(&bundle.id);
    assert!(create.status().unwrap().success());
    let master = receive(&listener);
    assert!(bundle.act("start", &[]).status.success());
    assert_eq!(read_all(master), "/dev/pts/0\n88:0\ninteractive\nconsole\n");
}

#[test]
fn exec_has_a_terminal_too() {
    if !possible() {
        return;
    }
    let bundle = Bundle::new("exec sleep 1000");
    bundle.start();
    let socket = bundle.path().join("console.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let mut exec = bundle.command("exec");
    exec.args(["--tty", "--detach", "--console-socket"]).arg(&socket).args([&bundle.id, "sh", "-c", "tty"]);
    assert!(exec.status().unwrap().success());
    assert_eq!(read_all(receive(&listener)), "/dev/pts/0\n");
}

#[test]
fn a_directory_in_place_of_devpts_is_refused() {
    if !possible() {
        return;
    }
    let mut bundle = Bundle::new("tty");
    bundle.config["process"]["terminal"] = json!(true);
    let mounts = bundle.config["mounts"].as_array_mut().unwrap();
    mounts.retain(|m| m["destination"] != "/dev/pts" && m["destination"] != "/dev");
    std::fs::create_dir_all(bundle.rootfs().join("dev/pts")).unwrap();
    std::fs::write(bundle.rootfs().join("dev/pts/ptmx"), "").unwrap();
    let error = bundle.failure();
    assert!(error.contains("open a terminal in /dev/pts"), "{error}");
}
