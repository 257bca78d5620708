//! Reservation of host ports and its errors.

use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsFd;

use teu_network::{Config, HostPorts, Kind, PortRequest, Protocol};
use teu_sys::netlink::{Batch, Family, Socket};

use crate::world::{HOST, ask, container, is_closed, netns_of, on_host, open, port, request, serve};

#[test]
fn taken_by_a_container() {
    on_host(|_| {
        let networks = open(Config::default());
        container(&networks, "a", &[port(8080, 80)]);
        let error = networks.attach(request("b", &[port(8081, 81), port(8080, 80)])).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("driver failed programming external connectivity on endpoint b ("), "{text}");
        assert!(text.ends_with("Bind for 0.0.0.0:8080 failed: port is already allocated"), "{text}");
        assert_eq!(error.kind(), Kind::System);
        // Nothing remained of the failed one, not even its first port.
        container(&networks, "b", &[port(8081, 81)]);
        networks.release("a").unwrap();
        container(&networks, "c", &[port(8080, 80)]);
    });
}

#[test]
fn taken_by_a_process_of_the_host() {
    on_host(|_| {
        let networks = open(Config::default());
        let process = TcpListener::bind("0.0.0.0:8080").unwrap();
        let text = networks.attach(request("a", &[port(8080, 80)])).unwrap_err().to_string();
        assert!(text.contains("failed to bind host port for 0.0.0.0:8080:172.17.0."), "{text}");
        assert!(text.ends_with(":80/tcp: address already in use"), "{text}");
        let range = PortRequest { host_ports: HostPorts::Range(8080, 8082), ..port(0, 80) };
        let a = container(&networks, "a", &[range]);
        assert_eq!(a.endpoint.ports[0].host_port, 8081);
        drop(process);
        container(&networks, "b", &[port(8080, 80)]);
        assert!(TcpListener::bind("0.0.0.0:8080").is_err());
        networks.release("b").unwrap();
        assert!(TcpListener::bind("0.0.0.0:8080").is_ok());
    });
}

#[test]
fn foreign_address() {
    on_host(|_| {
        let networks = open(Config::default());
        let foreign = PortRequest { host_ip: Some([192, 0, 2, 1].into()), ..port(8080, 80) };
        let text = networks.attach(request("a", &[foreign])).unwrap_err().to_string();
        assert!(text.ends_with("cannot assign requested address"), "{text}");
    });
}

#[test]
fn ranges_end() {
    on_host(|_| {
        let networks = open(Config::default());
        let range = PortRequest { host_ports: HostPorts::Range(9000, 9001), ..port(0, 80) };
        let ports: Vec<u16> =
            ["a", "b"].iter().map(|id| container(&networks, id, &[range]).endpoint.ports[0].host_port).collect();
        assert_eq!(ports, [9000, 9001]);
        let text = networks.attach(request("c", &[range])).unwrap_err().to_string();
        assert!(text.ends_with("all ports are allocated"), "{text}");
    });
}

#[test]
fn both_families_and_protocols_have_one_number() {
    on_host(|_| {
        let networks = open(Config::default());
        let any = PortRequest { host_ports: HostPorts::Any, ..port(0, 80) };
        let sctp = PortRequest { protocol: Protocol::Sctp, ..port(7000, 70) };
        let a = container(&networks, "a", &[any, port(8080, 80), sctp]);
        let hosts: Vec<String> = a.endpoint.ports.iter().map(|p| p.host().to_string()).collect();
        let first = a.endpoint.ports[0].host_port;
        let expected = [format!("0.0.0.0:{first}"), format!("[::]:{first}"), "0.0.0.0:8080".into(), "[::]:8080".into()];
        assert_eq!(hosts[..4], expected);
        assert_eq!(hosts[4], "0.0.0.0:7000");
    });
}

#[test]
fn many_ports_at_once() {
    on_host(|world| {
        let networks = open(Config::default());
        let ports: Vec<_> = (0..1000).map(|n| port(10_000 + n, 20_000 + n)).collect();
        let a = container(&networks, "a", &ports);
        assert_eq!(a.endpoint.ports.len(), 2000);
        let _server = serve(netns_of(&a), 20_999, "a");
        assert!(ask(world.outside.as_fd(), (HOST, 10_999)).is_ok());
        networks.release("a").unwrap();
        assert!(is_closed(world.outside.as_fd(), (HOST, 10_999)));
        container(&networks, "b", &ports);
    });
}

#[test]
fn isolated_after_release() {
    on_host(|world| {
        let networks = open(Config::default());
        let a = container(&networks, "a", &[port(8080, 80)]);
        let _server = serve(netns_of(&a), 80, "a");
        assert!(ask(world.outside.as_fd(), (HOST, 8080)).is_ok());
        networks.release("a").unwrap();
        networks.release("a").unwrap();
        assert!(is_closed(world.outside.as_fd(), (HOST, 8080)));
        assert!(is_closed(world.host.as_fd(), (Ipv4Addr::LOCALHOST, 8080)));
        networks.settle();
        assert!(is_closed(netns_of(&a), (HOST, 22)));
        assert_eq!(networks.inspect("bridge").unwrap().containers, []);
    });
}

/// `nft flush ruleset` by somebody else: the next published port brings everything back.
#[test]
fn flushed_ruleset() {
    on_host(|world| {
        let networks = open(Config::default());
        let a = container(&networks, "a", &[port(8080, 80)]);
        let _server = serve(netns_of(&a), 80, "a");
        let mut flush = Batch::new();
        flush.push(0x10, 0, &[0, 0, 0, 10], |_| ());
        flush.push(10 << 8 | 2, 0, &[0; 4], |_| ());
        flush.push(0x11, 0, &[0, 0, 0, 10], |_| ());
        let _ = Socket::open(Family::Netfilter).unwrap().execute(flush);
        assert!(is_closed(world.outside.as_fd(), (HOST, 8080)));
        container(&networks, "b", &[port(8081, 81)]);
        assert!(ask(world.outside.as_fd(), (HOST, 8080)).is_ok());
    });
}
