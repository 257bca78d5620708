//! Containers that find each other by name.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use teu_network::{
    AttachRequest, Config, LiveContainer, Membership, NetworkSpec, Networks, ResolverConfig, Sandbox, Target,
};
use teu_sys::netns;

use crate::world::{OUTSIDE, World, ipv4, netns_of, on_host, open};

const SERVER: &str = "127.0.0.11:53";
const LIMIT: Duration = Duration::from_secs(10);

fn membership(names: &[&str]) -> Membership {
    Membership { names: names.iter().map(|name| (*name).to_owned()).collect(), ..Membership::default() }
}

fn request(id: &str, network: &str) -> AttachRequest {
    let resolver = ResolverConfig { servers: vec![SocketAddr::from((OUTSIDE, 53))], inside: false, ndots: false };
    let target = Target::Network(network.to_owned());
    AttachRequest { membership: membership(&[id]), resolver, ..AttachRequest::new(id, id, target) }
}

fn attach(networks: &Networks, id: &str, network: &str) -> Sandbox {
    networks.attach(request(id, network)).unwrap()
}

fn query(name: &str, kind: RecordType) -> Vec<u8> {
    let mut message = Message::new(4711, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message.to_vec().unwrap()
}

/// What a container is answered over UDP: the code, and the records.
fn ask(namespace: BorrowedFd<'_>, name: &str, kind: RecordType) -> (ResponseCode, Vec<String>) {
    let answer = netns::run_in(namespace, || {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.set_read_timeout(Some(LIMIT))?;
        socket.connect(SERVER)?;
        socket.send(&query(name, kind))?;
        let mut buffer = vec![0; 4096];
        let length = socket.recv(&mut buffer)?;
        buffer.truncate(length);
        Ok(buffer)
    });
    told(&answer.unwrap())
}

/// The same over TCP.
fn ask_tcp(namespace: BorrowedFd<'_>, name: &str) -> (ResponseCode, Vec<String>) {
    let answer = netns::run_in(namespace, || {
        let mut stream = TcpStream::connect(SERVER)?;
        stream.set_read_timeout(Some(LIMIT))?;
        let bytes = query(name, RecordType::A);
        stream.write_all(&u16::try_from(bytes.len()).unwrap().to_be_bytes())?;
        stream.write_all(&bytes)?;
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    });
    told(&answer.unwrap())
}

fn told(answer: &[u8]) -> (ResponseCode, Vec<String>) {
    let message = Message::from_vec(answer).unwrap();
    assert_eq!(message.metadata.id, 4711);
    (message.metadata.response_code, message.answers.iter().map(|record| record.data.to_string()).collect())
}

fn found(address: IpAddr) -> (ResponseCode, Vec<String>) {
    (ResponseCode::NoError, vec![address.to_string()])
}

/// A name server outside that answers every query that there is no such name, over both protocols.
fn name_server(world: &World) {
    let (udp, tcp) = world
        .outside(|| Ok((UdpSocket::bind("0.0.0.0:53")?, std::net::TcpListener::bind("0.0.0.0:53")?)))
        .expect("sockets outside");
    let answer = |query: &[u8]| -> Vec<u8> {
        let query = Message::from_vec(query).unwrap();
        let mut message = Message::response(query.metadata.id, OpCode::Query);
        message.metadata.response_code = ResponseCode::NXDomain;
        message.queries = query.queries;
        message.to_vec().unwrap()
    };
    // They end with the test's process.
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, peer)) = udp.recv_from(&mut buffer) {
            drop(udp.send_to(&answer(&buffer[..length]), peer));
        }
    });
    std::thread::spawn(move || -> io::Result<()> {
        for stream in tcp.incoming() {
            let mut stream = stream?;
            let mut length = [0; 2];
            stream.read_exact(&mut length)?;
            let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut query)?;
            let answer = answer(&query);
            stream.write_all(&u16::try_from(answer.len()).unwrap().to_be_bytes())?;
            stream.write_all(&answer)?;
        }
        Ok(())
    });
}

#[test]
fn by_name_on_the_same_network_only() {
    on_host(|_| {
        let networks = open(Config::default());
        networks.create(NetworkSpec::new("front")).unwrap();
        networks.create(NetworkSpec::new("back")).unwrap();
        let mut wish = request("a", "front");
        wish.membership =
            Membership { links: vec![("database".into(), "b".into())], ..membership(&["a", "web", "api"]) };
        let a = networks.attach(wish).unwrap();
        let b = attach(&networks, "b", "front");
        let c = attach(&networks, "c", "back");
        for name in ["a.", "web.", "API.", "web.front."] {
            assert_eq!(ask(netns_of(&b), name, RecordType::A), found(ipv4(&a)), "{name}");
        }
        assert_eq!(ask(netns_of(&a), "database.", RecordType::A), found(ipv4(&b)));
        assert_eq!(ask_tcp(netns_of(&a), "b."), found(ipv4(&b)));
        assert_eq!(ask(netns_of(&b), "a.", RecordType::AAAA), (ResponseCode::NoError, vec![]));
        let IpAddr::V4(address) = ipv4(&a) else { panic!("IPv4") };
        let [w, x, y, z] = address.octets();
        let pointer = format!("{z}.{y}.{x}.{w}.in-addr.arpa.");
        assert_eq!(ask(netns_of(&b), &pointer, RecordType::PTR).1, ["a.front."]);
        // What others do is seen at once.
        networks.rename("a", "renamed");
        assert_eq!(ask(netns_of(&b), "renamed.", RecordType::A), found(ipv4(&a)));
        networks.release("b").unwrap();
        for (namespace, name) in [(&a, "b."), (&a, "c."), (&a, "c.back."), (&c, "a."), (&a, "database.")] {
            // Nobody outside answers.
            assert_eq!(ask(netns_of(namespace), name, RecordType::A).0, ResponseCode::ServFail, "{name}");
        }
    });
}

#[test]
fn others_are_asked() {
    on_host(|world| {
        name_server(world);
        let networks = open(Config::default());
        networks.create(NetworkSpec::new("front")).unwrap();
        networks.create(NetworkSpec { internal: true, ..NetworkSpec::new("back") }).unwrap();
        let a = attach(&networks, "a", "front");
        assert_eq!(ask(netns_of(&a), "example.com.", RecordType::A), (ResponseCode::NXDomain, vec![]));
        assert_eq!(ask_tcp(netns_of(&a), "example.com.").0, ResponseCode::NXDomain);
        let mut inside = request("b", "front");
        inside.resolver.inside = true;
        let b = networks.attach(inside).unwrap();
        assert_eq!(ask(netns_of(&b), "example.com.", RecordType::A).0, ResponseCode::NXDomain);
        assert_eq!(ask_tcp(netns_of(&b), "example.com.").0, ResponseCode::NXDomain);
        // Names of the outside are no way out.
        let c = attach(&networks, "c", "back");
        assert_eq!(ask(netns_of(&c), "example.com.", RecordType::A).0, ResponseCode::ServFail);
        assert_eq!(ask(netns_of(&c), "c.", RecordType::A), found(ipv4(&c)));
    });
}

/// A container may have a name server of its own, on all its addresses.
#[test]
fn port_53_is_the_containers() {
    on_host(|_| {
        let networks = open(Config::default());
        networks.create(NetworkSpec::new("front")).unwrap();
        let a = attach(&networks, "a", "front");
        let own = netns::run_in(netns_of(&a), || {
            Ok((UdpSocket::bind("0.0.0.0:53")?, std::net::TcpListener::bind("0.0.0.0:53")?))
        });
        assert!(own.is_ok());
        assert_eq!(ask(netns_of(&a), "a.", RecordType::A), found(ipv4(&a)));
    });
}

#[test]
fn names_outlive_the_engine() {
    on_host(|_| {
        let networks = open(Config::default());
        networks.create(NetworkSpec::new("front")).unwrap();
        let a = attach(&networks, "a", "front");
        let records = networks.records();
        drop(networks);
        let networks = Networks::open(Config::default(), records).unwrap();
        let namespace = Arc::new(netns_of(&a).try_clone_to_owned().unwrap());
        let live = LiveContainer {
            endpoints: vec![(a.endpoint.clone(), membership(&["a", "alias"]))],
            resolver: Some((namespace, ResolverConfig::default())),
            ..LiveContainer::new("a", "a", Vec::new())
        };
        networks.adopt(&[live]).unwrap();
        assert_eq!(ask(netns_of(&a), "alias.", RecordType::A), found(ipv4(&a)));
        let b = attach(&networks, "b", "front");
        assert_eq!(ask(netns_of(&b), "a.", RecordType::A), found(ipv4(&a)));
        assert_eq!(ask(netns_of(&a), "b.", RecordType::A), found(ipv4(&b)));
        assert!(a.netns.as_ref().is_some_and(|namespace| namespace.as_fd().try_clone_to_owned().is_ok()));
    });
}
