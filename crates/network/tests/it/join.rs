//! Containers on several networks.

use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};

use teu_network::{
    AttachRequest, Config, Join, Membership, NetworkSpec, Networks, PortRequest, ResolverConfig, Sandbox, Target,
};
use teu_sys::netlink::{Family, Socket, addresses, link_by_name, links, routes};
use teu_sys::netns;

use crate::world::{HOST, OUTSIDE, ask, container, ipv4, is_closed, netns_of, on_host, open, port, serve};

fn create(networks: &Networks, names: &[&str]) {
    names.iter().for_each(|name| drop(networks.create(NetworkSpec::new(*name)).unwrap()));
}

fn join(network: &str, priority: i64) -> Join {
    let membership = Membership { priority, ..Membership::default() };
    Join { network: network.to_owned(), membership, ..Join::default() }
}

fn on_two(networks: &Networks, id: &str, first: &str, second: Join, ports: &[PortRequest]) -> Sandbox {
    let request = AttachRequest::new(id, id, Target::Network(first.to_owned()));
    networks.attach(AttachRequest { others: vec![second], ports: ports.to_vec(), ..request }).unwrap()
}

/// The interface that leads outside.
fn way_out(namespace: BorrowedFd<'_>) -> String {
    netns::run_in(namespace, || {
        let mut socket = Socket::open(Family::Route)?;
        let out: Vec<_> = routes(&mut socket)?.into_iter().filter(|r| r.prefix == 0 && !r.ipv6).collect();
        assert!(out.len() < 2, "{out:?}");
        let index = out.first().and_then(|route| route.outgoing);
        Ok(links(&mut socket)?.into_iter().find(|l| Some(l.index) == index).map(|l| l.name).unwrap_or_default())
    })
    .unwrap()
}

#[test]
fn several_from_the_start() {
    on_host(|world| {
        let networks = open(Config::default());
        create(&networks, &["a-net", "b-net"]);
        let both = on_two(&networks, "both", "b-net", join("a-net", 0), &[port(8080, 80)]);
        let other = on_two(&networks, "other", "b-net", join("a-net", -1), &[]);
        let second = both.others[0].ipv4.unwrap().address();
        assert_eq!(both.others[0].interface.as_deref(), Some("eth1"));
        let _server = serve(netns_of(&both), 80, "both");
        let _outside = serve(world.outside.as_fd(), 80, "outside");
        for address in [ipv4(&both), second] {
            assert!(ask(netns_of(&other), (address, 80)).is_ok(), "{address}");
        }
        // The first by name, unless priorities say otherwise; ports are there, too.
        assert_eq!((way_out(netns_of(&both)), way_out(netns_of(&other))), ("eth1".into(), "eth0".into()));
        assert!(both.endpoint.ports.is_empty() && !both.others[0].ports.is_empty());
        assert_eq!(ask(world.outside.as_fd(), (HOST, 8080)).unwrap(), format!("both {}", IpAddr::from(OUTSIDE)));
        assert!(ask(netns_of(&both), (OUTSIDE, 80)).is_ok());
        networks.release("both").unwrap();
        networks.release("other").unwrap();
        networks.settle();
        networks.remove("a-net").unwrap();
        networks.remove("b-net").unwrap();
    });
}

#[test]
fn joined_and_left_while_it_runs() {
    on_host(|world| {
        let networks = open(Config::default());
        create(&networks, &["front"]);
        let box_ = container(&networks, "box", &[port(8080, 80)]);
        let web = networks.attach(AttachRequest::new("web", "web", Target::Network("front".into()))).unwrap();
        let _servers = [serve(netns_of(&box_), 80, "box"), serve(netns_of(&web), 80, "web")];
        assert!(is_closed(netns_of(&box_), (ipv4(&web), 80)));
        let connect = |priority| {
            let resolver = ResolverConfig::default();
            networks
                .connect(("box", "box"), join("front", priority), netns_of(&box_), &resolver)
                .map_err(|e| e.to_string())
        };
        let endpoints = connect(1).unwrap();
        assert_eq!(endpoints.len(), 2);
        assert!(ask(netns_of(&box_), (ipv4(&web), 80)).is_ok());
        assert_eq!(way_out(netns_of(&box_)), "eth1");
        assert!(ask(world.outside.as_fd(), (HOST, 8080)).is_ok(), "ports move with the way out");
        assert_eq!(endpoints[1].ports.first().map(|p| p.host_port), Some(8080));
        let text = connect(1).unwrap_err();
        assert_eq!(text, "endpoint with name box already exists in network front");

        let left = networks.disconnect("box", "front", Some(netns_of(&box_))).unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(way_out(netns_of(&box_)), "eth0");
        assert!(ask(world.outside.as_fd(), (HOST, 8080)).is_ok());
        let gone = netns::run_in(netns_of(&box_), || Ok(link_by_name(&mut Socket::open(Family::Route)?, "eth1")?));
        assert_eq!(gone.unwrap(), None);
        let text = networks.disconnect("box", "front", None).unwrap_err().to_string();
        assert_eq!(text, "container box is not connected to network front");
        // The same name and address again, at once.
        assert_eq!(connect(0).unwrap()[1].interface.as_deref(), Some("eth1"));
        let host = networks.connect(("box", "box"), join("host", 0), netns_of(&box_), &ResolverConfig::default());
        let text = host.unwrap_err().to_string();
        assert_eq!(text, "container cannot be disconnected from host network or connected to host network");
    });
}

#[test]
fn link_local_addresses() {
    on_host(|_| {
        let networks = open(Config::default());
        create(&networks, &["front", "back"]);
        let address: IpAddr = "169.254.7.7".parse().unwrap();
        let second = Join { link_local: vec!["169.254.8.8".parse().unwrap()], ..join("back", 0) };
        let request = AttachRequest::new("a", "a", Target::Network("front".into()));
        let request = AttachRequest { link_local: vec![address], others: vec![second], ..request };
        let a = networks.attach(request).unwrap();
        let b = networks.attach(AttachRequest::new("b", "b", Target::Network("front".into()))).unwrap();
        let _server = serve(netns_of(&a), 80, "a");
        let found = netns::run_in(netns_of(&a), || Ok(addresses(&mut Socket::open(Family::Route)?)?)).unwrap();
        let local: Vec<_> =
            found.iter().filter(|a| a.prefix == 16 && a.address.to_string().starts_with("169.")).collect();
        assert_eq!(local.len(), 2, "{found:?}");
        assert!(ask(netns_of(&b), (ipv4(&a), 80)).is_ok());
    });
}
