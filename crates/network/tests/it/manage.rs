//! Networks that users define.

use std::net::IpAddr;
use std::os::fd::AsFd;

use teu_network::{
    AttachRequest, Config, IpamSubnet, Kind, LiveContainer, NetworkSpec, Networks, Sandbox, Target, option,
};
use teu_sys::netlink::{Batch, Bridge, Family, LinkRef, Socket, link_by_name, push_alias, push_bridge};

use crate::world::{
    HOST, OUTSIDE, ask, container, ipv4, is_closed, netns_of, on_both_hosts, on_host, open, port, serve,
};

fn spec(name: &str) -> NetworkSpec {
    NetworkSpec::new(name)
}

fn with_subnet(name: &str, subnet: &str) -> NetworkSpec {
    NetworkSpec { ipam: vec![IpamSubnet::of(subnet.parse().unwrap())], ..spec(name) }
}

fn request(id: &str, network: &str) -> AttachRequest {
    AttachRequest::new(id, id, Target::Network(network.to_owned()))
}

fn attach(networks: &Networks, id: &str, network: &str) -> Sandbox {
    networks.attach(request(id, network)).unwrap()
}

#[test]
fn separate_from_others() {
    on_both_hosts(|world| {
        let networks = open(Config::default());
        networks.create(spec("front")).unwrap();
        networks.create(NetworkSpec { internal: true, ..spec("back") }).unwrap();
        let (a, b) = (attach(&networks, "a", "front"), attach(&networks, "b", "front"));
        let (c, d) = (attach(&networks, "c", "back"), attach(&networks, "d", "back"));
        let web = container(&networks, "web", &[port(8080, 80)]);
        let _servers: Vec<_> = [&a, &b, &c, &d, &web].map(|s| serve(netns_of(s), 80, "here")).into();
        let _outside = serve(world.outside.as_fd(), 80, "outside");
        // Inside of each network, and to the outside unless internal.
        assert!(ask(netns_of(&a), (ipv4(&b), 80)).is_ok());
        assert!(ask(netns_of(&c), (ipv4(&d), 80)).is_ok());
        assert_eq!(ask(netns_of(&a), (OUTSIDE, 80)).unwrap(), format!("outside {}", IpAddr::from(HOST)));
        assert!(is_closed(netns_of(&c), (OUTSIDE, 80)));
        // Not from one to another, but by published ports.
        assert!(is_closed(netns_of(&a), (ipv4(&web), 80)));
        assert!(is_closed(netns_of(&web), (ipv4(&a), 80)));
        assert!(is_closed(netns_of(&a), (ipv4(&c), 80)));
        assert!(ask(netns_of(&a), (HOST, 8080)).is_ok());
    });
}

#[test]
fn wanted_addresses() {
    on_host(|_| {
        let networks = open(Config::default());
        networks.create(with_subnet("front", "10.5.0.0/24")).unwrap();
        let wish = |id: &str, address: &str| AttachRequest { ipv4: address.parse().ok(), ..request(id, "front") };
        // Of all addresses, some wait in the pool already.
        for last in 2..20 {
            let address = format!("10.5.0.{last}");
            let sandbox = networks.attach(wish(&address, &address)).unwrap();
            assert_eq!(sandbox.endpoint.ipv4.unwrap().to_string(), format!("{address}/24"));
        }
        let taken = networks.attach(wish("x", "10.5.0.2")).unwrap_err();
        assert_eq!((taken.to_string().as_str(), taken.kind()), ("Address already in use", Kind::Conflict));
        let foreign = networks.attach(wish("x", "10.6.0.2")).unwrap_err();
        assert_eq!(foreign.to_string(), "no configured subnet or ip-range contain the IP address 10.6.0.2");
    });
}

#[test]
fn life_of_a_network() {
    on_host(|_| {
        let networks = open(Config::default());
        let options =
            [(option::BRIDGE_NAME.to_owned(), "front0".to_owned()), (option::MTU.to_owned(), "1300".to_owned())];
        let spec = NetworkSpec { options: options.into(), enable_ipv6: true, ..spec("front") };
        let record = networks.create(spec.clone()).unwrap();
        assert_eq!(networks.create(spec).unwrap_err().to_string(), "network with name front already exists");
        assert_eq!(record.ipam[0].subnet.to_string(), "172.18.0.0/16");
        let bridge = || link_by_name(&mut Socket::open(Family::Route).unwrap(), "front0").unwrap();
        assert_eq!(bridge().unwrap().mtu, 1300);
        let a = attach(&networks, "a", "front");
        assert!(a.endpoint.ipv6.is_some());
        let error = networks.remove("front").unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("error while removing network: network front has active endpoints (name:\"a\""),
            "{text}"
        );
        let text = networks.remove("bridge").unwrap_err().to_string();
        assert_eq!(text, "bridge is a pre-defined network and cannot be removed");

        // It outlives the engine.
        let records = networks.records();
        drop(networks);
        let networks = Networks::open(Config::default(), records).unwrap();
        let live = LiveContainer::new("a", "a", vec![a.endpoint.clone()]);
        assert!(networks.adopt(&[live]).unwrap().lost.is_empty());
        let b = attach(&networks, "b", "front");
        let _b = serve(netns_of(&b), 80, "b");
        assert_eq!(ask(netns_of(&a), (ipv4(&b), 80)).unwrap(), format!("b {}", ipv4(&a)));

        networks.release("a").unwrap();
        networks.release("b").unwrap();
        assert_eq!(networks.remove(&record.id[..12]).unwrap(), record);
        assert_eq!(bridge(), None);
        assert_eq!(networks.inspect("front").unwrap_err().kind(), Kind::NotFound);
    });
}

/// What is left of a network that was half made goes, what others made stays.
#[test]
fn strays_are_removed() {
    on_host(|_| {
        let networks = open(Config::default());
        let record = networks.create(spec("front")).unwrap();
        let kept = networks.create(spec("back")).unwrap();
        let mut records = networks.records();
        drop(networks);
        records.retain(|r| r.name != "front");
        let mut socket = Socket::open(Family::Route).unwrap();
        let mut batch = Batch::new();
        for (name, alias) in [("teu-other", "network of teu9: abc"), ("br0", "")] {
            push_bridge(&mut batch, &Bridge { name, mac: [2, 0, 0, 0, 0, 9], mtu: 1500 });
            push_alias(&mut batch, LinkRef::Name(name), alias);
        }
        socket.execute(batch).unwrap();
        let networks = Networks::open(Config::default(), records).unwrap();
        let mut exists = |name: &str| link_by_name(&mut socket, name).unwrap().is_some();
        assert!(!exists(&format!("teu-{}", &record.id[..11])));
        assert!(exists(&format!("teu-{}", &kept.id[..11])) && exists("teu-other") && exists("br0"));
        networks.adopt(&[]).unwrap();
        // An engine whose default bridge has another name since takes its networks along.
        let records = networks.records();
        drop(networks);
        let config = Config { bridge: "teu5".to_owned(), ..Config::default() };
        let networks = Networks::open(config, records).unwrap();
        networks.adopt(&[]).unwrap();
        networks.attach(request("a", "back")).unwrap();
        // Somebody else's bridge is not taken.
        let option = |name: &str| [(option::BRIDGE_NAME.to_owned(), name.to_owned())].into();
        let error = networks.create(NetworkSpec { options: option("br0"), ..spec("x") }).unwrap_err();
        assert!(error.to_string().ends_with("bridge br0 exists and belongs to somebody else"), "{error}");
        let error = networks.create(NetworkSpec { options: option("teu5"), ..spec("x") }).unwrap_err();
        assert!(error.to_string().ends_with("networks have same bridge name: teu5"), "{error}");
    });
}

/// A network that cannot be had any more is seen and removed; the others work.
#[test]
fn a_broken_network_hinders_nobody() {
    on_host(|_| {
        let networks = open(Config::default());
        networks.create(spec("front")).unwrap();
        let mut records = networks.records();
        drop(networks);
        for record in records.iter_mut().filter(|r| r.name == "front") {
            record.options.insert(option::BRIDGE_NAME.to_owned(), "up0".to_owned());
        }
        let networks = Networks::open(Config::default(), records).unwrap();
        networks.adopt(&[]).unwrap();
        container(&networks, "a", &[]);
        let error = networks.attach(request("b", "front")).unwrap_err().to_string();
        assert!(error.starts_with("network front could not be restored: "), "{error}");
        networks.remove("front").unwrap();
        assert!(link_by_name(&mut Socket::open(Family::Route).unwrap(), "up0").unwrap().is_some());
    });
}

#[test]
fn auxiliary_addresses_are_nobodys() {
    on_host(|_| {
        let networks = open(Config::default());
        let subnet = IpamSubnet {
            auxiliary: [("router".to_owned(), "10.5.0.2".parse().unwrap())].into(),
            ..IpamSubnet::of("10.5.0.0/29".parse().unwrap())
        };
        networks.create(NetworkSpec { ipam: vec![subnet], ..spec("front") }).unwrap();
        let mut given: Vec<_> = (0..4).map(|n| ipv4(&attach(&networks, &n.to_string(), "front"))).collect();
        given.sort();
        assert_eq!(given, [3, 4, 5, 6].map(|n| IpAddr::from([10, 5, 0, n])));
        assert_eq!(networks.attach(request("x", "front")).unwrap_err().kind(), Kind::System);
    });
}

#[test]
fn refused_subnets() {
    on_host(|_| {
        let networks = open(Config::default());
        networks.create(with_subnet("a", "10.5.0.0/16")).unwrap();
        let error = networks.create(with_subnet("b", "10.5.1.0/24")).unwrap_err();
        assert_eq!(error.to_string(), "Pool overlaps with other one on this address space");
        let error = networks.create(with_subnet("b", "10.6.0.1/24")).unwrap_err();
        assert_eq!(error.to_string(), "invalid subnet 10.6.0.1/24: it should be 10.6.0.0/24");
        let long = [(option::BRIDGE_NAME.to_owned(), "much-too-long-name".to_owned())];
        let error = networks.create(NetworkSpec { options: long.into(), ..spec("b") }).unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidParameter);
        networks.create(with_subnet("b", "10.6.0.0/24")).unwrap();
    });
}
