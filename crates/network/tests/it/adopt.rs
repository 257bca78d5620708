//! Starting again beside what an earlier engine left.

use std::net::TcpListener;
use std::os::fd::AsFd;

use teu_network::{Config, LiveContainer, Networks, Sandbox};
use teu_sys::netlink::{Family, Socket, link_by_name, links};

use crate::world::{HOST, OUTSIDE, ask, container, ipv4, is_closed, netns_of, on_host, open, port, serve};

fn live(id: &str, sandbox: &Sandbox) -> LiveContainer {
    LiveContainer::new(id, id, vec![sandbox.endpoint.clone()])
}

/// Names of the bridge's ports.
fn ports() -> Vec<String> {
    let mut socket = Socket::open(Family::Route).unwrap();
    let bridge = link_by_name(&mut socket, "teu0").unwrap().unwrap().index;
    let all = links(&mut socket).unwrap();
    all.into_iter().filter(|l| l.master == Some(bridge)).map(|l| l.name).collect()
}

#[test]
fn live_containers_go_on_and_others_are_removed() {
    on_host(|world| {
        let networks = open(Config::default());
        let kept = container(&networks, "kept", &[port(8080, 80)]);
        let dead = container(&networks, "dead", &[port(8081, 80)]);
        let _kept = serve(netns_of(&kept), 80, "kept");
        let _dead = serve(netns_of(&dead), 80, "dead");
        let records = networks.records();
        // As after kill -9: sockets and pool are gone with the process, links and table remain.
        drop(networks);
        assert!(ask(world.outside.as_fd(), (HOST, 8080)).is_ok());

        let networks = Networks::open(Config::default(), records.clone()).unwrap();
        assert_eq!(networks.records(), records);
        let adoption = networks.adopt(&[live("kept", &kept)]).unwrap();
        assert!(adoption.removed_links.contains(dead.endpoint.host_interface.as_ref().unwrap()));
        assert!(adoption.lost.is_empty() && adoption.conflicts.is_empty());
        assert!(ask(world.outside.as_fd(), (HOST, 8080)).is_ok());
        assert!(is_closed(world.outside.as_fd(), (HOST, 8081)));
        // Its port is reserved again, its address is not given twice.
        assert!(TcpListener::bind("0.0.0.0:8080").is_err());
        assert!(networks.attach(crate::world::request("x", &[port(8080, 80)])).is_err());
        let next = container(&networks, "next", &[port(8081, 80)]);
        assert_ne!(ipv4(&next), ipv4(&kept));
        assert_eq!(networks.inspect("bridge").unwrap().containers.len(), 2);
        networks.release("kept").unwrap();
        networks.settle();
        assert!(!ports().contains(kept.endpoint.host_interface.as_ref().unwrap()));
        assert!(is_closed(world.outside.as_fd(), (HOST, 8080)));
    });
}

#[test]
fn lost_links_and_taken_ports_are_reported() {
    on_host(|_| {
        let networks = open(Config::default());
        let a = container(&networks, "a", &[port(8080, 80)]);
        let records = networks.records();
        drop(networks);
        let mut gone = live("a", &a);
        gone.endpoints[0].0.host_interface = Some("veth00000000".into());
        let _process = TcpListener::bind("0.0.0.0:8080").unwrap();
        let networks = Networks::open(Config::default(), records).unwrap();
        let adoption = networks.adopt(&[gone]).unwrap();
        assert_eq!(adoption.lost, ["a"]);
        assert_eq!(adoption.conflicts.len(), 1);
        assert_eq!(adoption.conflicts[0].binding.host_port, 8080);
        networks.release("a").unwrap();
    });
}

/// Somebody deleted the bridge: it is made again and ports go back to it.
#[test]
fn deleted_bridge() {
    on_host(|world| {
        let networks = open(Config::default());
        let a = container(&networks, "a", &[port(8080, 80)]);
        let _a = serve(netns_of(&a), 80, "a");
        let records = networks.records();
        drop(networks);
        let mut socket = Socket::open(Family::Route).unwrap();
        let bridge = link_by_name(&mut socket, "teu0").unwrap().unwrap().index;
        let mut batch = teu_sys::netlink::Batch::new();
        teu_sys::netlink::push_delete_link(&mut batch, bridge);
        socket.execute(batch).unwrap();
        let networks = Networks::open(Config::default(), records).unwrap();
        assert_eq!(networks.adopt(&[live("a", &a)]).unwrap().removed_links, [] as [String; 0]);
        assert!(ask(world.outside.as_fd(), (HOST, 8080)).is_ok());
        let _outside = serve(world.outside.as_fd(), 80, "outside");
        assert!(ask(netns_of(&a), (OUTSIDE, 80)).is_ok());
    });
}

/// A second time it neither takes away what waits in the pool nor what lives.
#[test]
fn adopted_again() {
    on_host(|world| {
        let networks = open(Config::default());
        let a = container(&networks, "a", &[port(8080, 80)]);
        container(&networks, "b", &[port(8081, 80)]);
        let _a = serve(netns_of(&a), 80, "a");
        networks.adopt(&[live("a", &a)]).unwrap();
        assert!(ask(world.outside.as_fd(), (HOST, 8080)).is_ok());
        for id in ["b", "c", "d", "e", "f", "g"] {
            let next = container(&networks, id, &[]);
            let _next = serve(netns_of(&next), 80, "next");
            assert!(ask(netns_of(&a), (ipv4(&next), 80)).is_ok());
        }
    });
}

/// Without records the subnet is taken from the bridge that is there.
#[test]
fn records_lost() {
    on_host(|_| {
        let config = Config { bip: Some("10.77.0.1/24".parse().unwrap()), ..Config::default() };
        drop(open(config));
        let networks = open(Config::default());
        let bridge = networks.inspect("bridge").unwrap();
        assert_eq!(bridge.record.ipam[0].subnet.to_string(), "10.77.0.0/24");
    });
}
