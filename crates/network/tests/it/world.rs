//! A host, its outside, and traffic between them.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use teu_network::{AttachRequest, Config, HostPorts, Networks, PortRequest, Protocol, Sandbox, Target};
use teu_sys::netlink::{
    Address, Batch, Bridge, Family, LinkChange, LinkRef, Socket, Veth, link_by_name, push_address, push_bridge,
    push_default_route, push_link_change, push_veth,
};
use teu_sys::netns;

/// The host's address towards the outside, and the outside's.
pub(crate) const HOST: [u8; 4] = [10, 99, 0, 1];
pub(crate) const OUTSIDE: [u8; 4] = [10, 99, 0, 2];
pub(crate) const HOST6: &str = "fd99::1";
pub(crate) const OUTSIDE6: &str = "fd99::2";
/// MTU of the host's uplink, smaller than usual so that it can be recognised.
pub(crate) const UPLINK_MTU: u32 = 1450;
/// Long enough for a retransmitted packet: the kernel drops what is sent before it has noticed that a new link is up,
/// which takes it up to a second.
const LIMIT: Duration = Duration::from_secs(10);
/// For tests that expect no answer, after links have been in use.
const SHORT: Duration = Duration::from_millis(500);

/// A host with an uplink; the calling thread is in its namespace.
pub(crate) struct World {
    pub(crate) host: OwnedFd,
    pub(crate) outside: OwnedFd,
}

/// Runs a test on a thread that is a host of its own. Without root there is nothing to run.
pub(crate) fn on_host(test: impl FnOnce(&World) + Send) {
    if !rustix::process::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "these tests need root");
        eprintln!("skipped: needs root");
        return;
    }
    netns::on_thread(|| {
        let outside = netns::on_thread(|| netns::create().map(|c| c.namespace))?;
        let host = netns::create()?.namespace;
        let world = World { host, outside };
        world.join().expect("a host with an uplink");
        test(&world);
        Ok(())
    })
    .expect("a thread");
}

/// Runs a test on two hosts: one that shows bridged packets to the packet filter, as it is where Docker or Kubernetes
/// runs, and one that does not.
pub(crate) fn on_both_hosts(test: impl Fn(&World) + Send + Sync) {
    for bridge_netfilter in ["0", "1"] {
        on_host(|world| {
            for name in ["bridge-nf-call-iptables", "bridge-nf-call-ip6tables"] {
                let _ = netns::write_sysctl(&format!("net/bridge/{name}"), bridge_netfilter);
            }
            test(world);
        });
    }
}

/// Whether bridged packets are shown to the packet filter.
pub(crate) fn has_bridge_netfilter() -> bool {
    netns::read_sysctl("net/bridge/bridge-nf-call-iptables").is_ok_and(|v| v == "1")
}

impl World {
    /// Joins host and outside: the uplink is a port of a bridge, which hosts have too.
    fn join(&self) -> io::Result<()> {
        let mut socket = Socket::open(Family::Route)?;
        let mut batch = Batch::new();
        push_bridge(&mut batch, &Bridge { name: "up0", mac: [2, 0, 0, 0, 0, 1], mtu: UPLINK_MTU });
        socket.execute(batch)?;
        let up = link_by_name(&mut socket, "up0")?.expect("up0");
        let mut batch = Batch::new();
        push_veth(
            &mut batch,
            &Veth { name: "up1", peer_name: "out0", peer_mac: None, peer_netns: self.outside.as_fd(), mtu: UPLINK_MTU },
        );
        let up_and_port = LinkChange { up: Some(true), master: Some(up.index), ..LinkChange::default() };
        push_link_change(&mut batch, LinkRef::Name("up1"), up_and_port);
        push_link_change(&mut batch, LinkRef::Index(up.index), LinkChange { up: Some(true), ..LinkChange::default() });
        for address in [IpAddr::from(HOST), HOST6.parse().unwrap()] {
            push_address(&mut batch, Address { index: up.index, address, prefix: prefix(address) });
        }
        push_default_route(&mut batch, up.index, OUTSIDE.into());
        socket.execute(batch)?;
        self.outside(|| {
            let mut socket = Socket::open(Family::Route)?;
            let link = link_by_name(&mut socket, "out0")?.expect("out0");
            let mut batch = Batch::new();
            for address in [IpAddr::from(OUTSIDE), OUTSIDE6.parse().unwrap()] {
                push_address(&mut batch, Address { index: link.index, address, prefix: prefix(address) });
            }
            push_link_change(
                &mut batch,
                LinkRef::Index(link.index),
                LinkChange { up: Some(true), ..LinkChange::default() },
            );
            Ok(socket.execute(batch)?)
        })
    }

    /// Runs `work` outside.
    pub(crate) fn outside<T: Send>(&self, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        netns::run_in(self.outside.as_fd(), work)
    }

    /// Makes the outside send what is for `via`'s networks to the host, as a neighbour with bad intentions would.
    pub(crate) fn route_outside_to_host(&self) {
        self.outside(|| {
            let mut socket = Socket::open(Family::Route)?;
            let link = link_by_name(&mut socket, "out0")?.expect("out0");
            let mut batch = Batch::new();
            push_default_route(&mut batch, link.index, HOST.into());
            Ok(socket.execute(batch)?)
        })
        .unwrap();
    }
}

fn prefix(address: IpAddr) -> u8 {
    if address.is_ipv4() { 24 } else { 64 }
}

/// Networks as the engine opens them.
pub(crate) fn open(config: Config) -> Networks {
    let networks = Networks::open(config, Vec::new()).expect("open");
    networks.adopt(&[]).expect("adopt");
    networks
}

/// A container on the default network with these published ports.
pub(crate) fn container(networks: &Networks, id: &str, ports: &[PortRequest]) -> Sandbox {
    networks.attach(request(id, ports)).expect("attach")
}

pub(crate) fn request(id: &str, ports: &[PortRequest]) -> AttachRequest {
    AttachRequest { ports: ports.to_vec(), ..AttachRequest::new(id, id, Target::Network("bridge".to_owned())) }
}

/// `-p host:container/tcp`
pub(crate) fn port(host: u16, container: u16) -> PortRequest {
    PortRequest { container_port: container, protocol: Protocol::Tcp, host_ip: None, host_ports: HostPorts::One(host) }
}

pub(crate) fn ipv4(sandbox: &Sandbox) -> IpAddr {
    sandbox.endpoint.ipv4.expect("an address").address()
}

pub(crate) fn ipv6(sandbox: &Sandbox) -> IpAddr {
    sandbox.endpoint.ipv6.expect("an address").address()
}

pub(crate) fn netns_of(sandbox: &Sandbox) -> BorrowedFd<'_> {
    sandbox.netns.as_ref().expect("a namespace").as_fd()
}

/// A server that tells every client its name and the address it saw. Ends when dropped.
pub(crate) struct Server {
    socket: OwnedFd,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Serves TCP on a port of all addresses in a namespace.
pub(crate) fn serve(netns: BorrowedFd<'_>, port: u16, name: &'static str) -> Server {
    let listener =
        netns::run_in(netns, || TcpListener::bind(("::", port)).or_else(|_| TcpListener::bind(("0.0.0.0", port))))
            .expect("a listener");
    let socket = listener.as_fd().try_clone_to_owned().unwrap();
    let thread = std::thread::spawn(move || {
        while let Ok((mut client, peer)) = listener.accept() {
            let _ = write!(client, "{name} {}", peer.ip().to_canonical());
        }
    });
    Server { socket, thread: Some(thread) }
}

/// Serves UDP on a port of all IPv4 addresses in a namespace.
pub(crate) fn serve_udp(netns: BorrowedFd<'_>, port: u16, name: &'static str) -> Server {
    let socket = netns::run_in(netns, || UdpSocket::bind(("0.0.0.0", port))).expect("a socket");
    let own = socket.as_fd().try_clone_to_owned().unwrap();
    let thread = std::thread::spawn(move || {
        let mut buffer = [0; 16];
        // A shut down datagram socket reads nothing, for ever.
        while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
            if length == 0 {
                return;
            }
            let _ = socket.send_to(format!("{name} {}", peer.ip()).as_bytes(), peer);
        }
    });
    Server { socket: own, thread: Some(thread) }
}

/// What the server says to a client in this namespace.
pub(crate) fn ask(netns: BorrowedFd<'_>, server: impl Into<SocketAddr>) -> io::Result<String> {
    ask_within(LIMIT, netns, server.into())
}

/// Whether a client in this namespace gets no connection, or no answer.
pub(crate) fn is_closed(netns: BorrowedFd<'_>, server: impl Into<SocketAddr>) -> bool {
    ask_within(SHORT, netns, server.into()).is_err()
}

fn ask_within(limit: Duration, netns: BorrowedFd<'_>, server: SocketAddr) -> io::Result<String> {
    netns::run_in(netns, move || {
        let mut connection = TcpStream::connect_timeout(&server, limit)?;
        connection.set_read_timeout(Some(limit))?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        if answer.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(answer) }
    })
}

/// The same over UDP.
pub(crate) fn ask_udp(netns: BorrowedFd<'_>, server: impl Into<SocketAddr>) -> io::Result<String> {
    let server = server.into();
    netns::run_in(netns, move || {
        let socket = UdpSocket::bind(if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
        socket.set_read_timeout(Some(SHORT))?;
        socket.connect(server)?;
        let mut buffer = [0; 128];
        let mut tries = 0;
        // Nobody retransmits datagrams but we.
        let length = loop {
            socket.send(b"?")?;
            match socket.recv(&mut buffer) {
                Err(error) if tries == 10 => return Err(error),
                Err(_) => tries += 1,
                Ok(length) => break length,
            }
        };
        Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
    })
}
