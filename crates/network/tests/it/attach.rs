//! What a container is given.

use std::collections::HashSet;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use teu_network::{
    AttachRequest, Config, DriverKind, IpamSubnet, Kind, MacAddress, NetworkSpec, Networks, PoolLimits, Target,
};
use teu_sys::netlink::{
    Address, Batch, Bridge, Family, Socket, addresses, link_by_name, links, push_address, push_bridge,
    push_default_route, push_delete_link, routes,
};
use teu_sys::netns;

use crate::world::{UPLINK_MTU, container, ipv4, netns_of, on_host, open, port, request};

fn network(id: &str, name: &str) -> AttachRequest {
    AttachRequest::new(id, id, Target::Network(name.to_owned()))
}

#[test]
fn the_namespace_is_complete() {
    on_host(|_| {
        let networks = open(Config::default());
        let a = container(&networks, "a", &[]);
        let endpoint = &a.endpoint;
        assert_eq!(endpoint.driver, DriverKind::Bridge);
        assert_eq!(endpoint.id.len(), 64);
        let address = endpoint.ipv4.unwrap();
        assert!(address.to_string().starts_with("172.17.0.") && address.prefix() == 16, "{address}");
        let IpAddr::V4(octets) = address.address() else { panic!("{address}") };
        assert_eq!(endpoint.mac, Some(MacAddress::from_ipv4(octets)));
        assert_eq!(endpoint.gateway.unwrap().to_string(), "172.17.0.1");
        let (links, addresses, routes, ping) = netns::run_in(netns_of(&a), || {
            let mut socket = Socket::open(Family::Route)?;
            let ping = netns::read_sysctl("net/ipv4/ping_group_range")?;
            Ok((links(&mut socket)?, addresses(&mut socket)?, routes(&mut socket)?, ping))
        })
        .unwrap();
        let eth0 = links.iter().find(|l| l.name == "eth0").unwrap();
        assert!(links.iter().all(|l| l.up));
        assert_eq!(eth0.mtu, UPLINK_MTU);
        assert_eq!(eth0.mac, Some(endpoint.mac.unwrap().0));
        let own: Vec<String> =
            addresses.iter().filter(|a| a.index == eth0.index).map(|a| format!("{}/{}", a.address, a.prefix)).collect();
        assert_eq!(own, [address.to_string()]);
        assert!(addresses.iter().any(|a| a.address.to_string() == "::1"));
        assert!(routes.iter().any(|r| r.destination.is_none() && r.outgoing == Some(eth0.index)));
        assert_eq!(ping, "0\t2147483647");
        // Its sysfs shows its links, whoever looks.
        let sysfs = a.sysfs.as_ref().expect("a sysfs").as_fd();
        let sysfs = teu_sys::mount::mount_context(sysfs, teu_sys::mount::Attributes::empty()).unwrap();
        let show =
            |link: &str| std::fs::exists(format!("/proc/self/fd/{}/class/net/{link}", sysfs.as_raw_fd())).unwrap();
        assert!(show("eth0") && !show("up0"));
        let host_end = endpoint.host_interface.as_deref().unwrap();
        assert_eq!(netns::read_sysctl(&format!("net/ipv6/conf/{host_end}/disable_ipv6")).unwrap(), "1");
        let info = networks.inspect("bridge").unwrap();
        assert_eq!(info.containers[0].endpoint, endpoint.id);
        assert_eq!(info.record.ipam[0].gateway, endpoint.gateway);
        networks.rename("a", "b");
        assert_eq!(networks.inspect(&info.record.id[..12]).unwrap().containers[0].name, "b");
    });
}

#[test]
fn host_none_and_shared() {
    on_host(|world| {
        let networks = open(Config::default());
        let host = networks.attach(network("a", "host")).unwrap();
        assert!(host.netns.is_none());
        let none = networks.attach(network("b", "none")).unwrap();
        let links = netns::run_in(netns_of(&none), || Ok(links(&mut Socket::open(Family::Route)?)?)).unwrap();
        assert_eq!(links.iter().filter(|l| l.up).map(|l| l.name.as_str()).collect::<Vec<_>>(), ["lo"]);
        let shared = none.netns.as_ref().unwrap().try_clone().unwrap();
        let request = AttachRequest::new("c", "c", Target::Namespace(shared));
        let c = networks.attach(request).unwrap();
        assert_eq!(netns::identity(netns_of(&c)).unwrap(), netns::identity(netns_of(&none)).unwrap());
        assert_ne!(netns::identity(netns_of(&c)).unwrap(), netns::identity(world.host.as_fd()).unwrap());
        assert_eq!(c.endpoint.driver, DriverKind::Container);
        for id in ["a", "b", "c"] {
            networks.release(id).unwrap();
        }
    });
}

#[test]
fn wishes() {
    on_host(|_| {
        let networks = open(Config::default());
        let mac = "02:00:00:00:00:77".parse().unwrap();
        let a = networks.attach(AttachRequest { mac: Some(mac), ..request("a", &[]) }).unwrap();
        assert_eq!(a.endpoint.mac, Some(mac));
        let link =
            netns::run_in(netns_of(&a), || Ok(link_by_name(&mut Socket::open(Family::Route)?, "eth0")?)).unwrap();
        assert_eq!(link.unwrap().mac, Some(mac.0));
        let wish = AttachRequest { ipv4: Some("172.17.0.9".parse().unwrap()), ..request("b", &[]) };
        let error = networks.attach(wish).unwrap_err();
        assert_eq!(error.to_string(), "user specified IP address is supported on user defined networks only");
        let again = networks.attach(request("a", &[])).unwrap_err();
        assert_eq!(
            (again.to_string().as_str(), again.kind()),
            ("endpoint with name a already exists in network bridge", Kind::Forbidden)
        );
        assert_eq!(networks.attach(network("c", "nosuch")).unwrap_err().to_string(), "network nosuch not found");
    });
}

#[test]
fn configured_subnets() {
    on_host(|_| {
        let config = Config {
            bip: Some("10.77.0.1/24".parse().unwrap()),
            fixed_cidr: Some("10.77.0.128/25".parse().unwrap()),
            ..Config::default()
        };
        let networks = open(config.clone());
        let address = container(&networks, "a", &[]).endpoint.ipv4.unwrap();
        assert!(config.fixed_cidr.unwrap().contains(address.address()) && address.prefix() == 24, "{address}");
        drop(networks);
        let outside = Config { fixed_cidr: Some("10.78.0.0/25".parse().unwrap()), ..config };
        assert_eq!(Networks::open(outside, vec![]).unwrap_err().kind(), Kind::InvalidParameter);
    });
}

/// The host's own subnets are avoided.
#[test]
fn free_subnet() {
    on_host(|_| {
        let other =
            Config { bridge: "other0".into(), bip: Some("172.17.0.1/16".parse().unwrap()), ..Config::default() };
        let _other = open(other);
        let networks = open(Config::default());
        assert_eq!(networks.inspect("bridge").unwrap().record.ipam[0].subnet.to_string(), "172.18.0.0/16");
        container(&networks, "a", &[port(8080, 80)]);
    });
}

/// What somebody else took while the engine was away is left to them, unless the bridge still has it; then it is told.
#[test]
fn subnet_that_somebody_took_meanwhile() {
    on_host(|_| {
        let networks = open(Config::default());
        let records = networks.records();
        drop(networks);
        let mut socket = Socket::open(Family::Route).unwrap();
        let mut batch = Batch::new();
        push_bridge(&mut batch, &Bridge { name: "other0", mac: [2, 0, 0, 0, 0, 7], mtu: 1500 });
        socket.execute(batch).unwrap();
        let other = link_by_name(&mut socket, "other0").unwrap().unwrap().index;
        let mut batch = Batch::new();
        push_address(&mut batch, Address { index: other, address: [172, 17, 0, 1].into(), prefix: 16 });
        socket.execute(batch).unwrap();
        let subnet = |networks: &Networks| networks.inspect("bridge").unwrap().record.ipam[0].subnet.to_string();

        let networks = Networks::open(Config::default(), records.clone()).unwrap();
        assert_eq!(subnet(&networks), "172.17.0.0/16");
        let app =
            NetworkSpec { ipam: vec![IpamSubnet::of("172.17.0.0/16".parse().unwrap())], ..NetworkSpec::new("app") };
        assert_eq!(networks.create(app.clone()).unwrap_err().kind(), Kind::Forbidden);
        networks.create(NetworkSpec { ipam: vec![IpamSubnet::of("10.55.0.0/24".parse().unwrap())], ..app }).unwrap();
        let mut batch = Batch::new();
        push_address(&mut batch, Address { index: other, address: [10, 55, 0, 9].into(), prefix: 24 });
        socket.execute(batch).unwrap();
        let end = "its containers and their published ports may be out of reach until";
        assert_eq!(
            networks.warnings(),
            [
                format!(
                    "WARNING: other0 (172.17.0.1/16) has addresses of network bridge: {end} the daemon is given others by --bip"
                ),
                format!(
                    "WARNING: other0 (10.55.0.9/24) has addresses of network app: {end} the network is removed and created with another --subnet"
                ),
            ]
        );
        drop(networks);

        let own = link_by_name(&mut socket, "teu0").unwrap().unwrap().index;
        let mut batch = Batch::new();
        push_delete_link(&mut batch, own);
        socket.execute(batch).unwrap();
        let networks = Networks::open(Config::default(), records).unwrap();
        networks.adopt(&[]).unwrap();
        assert_eq!((subnet(&networks).as_str(), networks.warnings().len()), ("172.18.0.0/16", 0));
        assert_eq!(networks.records()[0].ipam[0].subnet.to_string(), "172.18.0.0/16");
        container(&networks, "a", &[port(8080, 80)]);
    });
}

/// A small subnet is used to its last address, and released addresses come back.
#[test]
fn small_subnet() {
    on_host(|_| {
        let networks = open(Config { bip: Some("10.77.0.1/29".parse().unwrap()), ..Config::default() });
        let ids = ["a", "b", "c", "d", "e"];
        for _ in 0..5 {
            let addresses: HashSet<_> = ids.iter().map(|id| ipv4(&container(&networks, id, &[]))).collect();
            assert_eq!(addresses.len(), 5);
            let error = networks.attach(request("f", &[])).unwrap_err();
            assert!(
                error.to_string().starts_with("no available IPv4 addresses on this network's address pools: bridge (")
            );
            ids.iter().for_each(|id| networks.release(id).unwrap());
        }
    });
}

/// A chain of somebody else that drops what it does not know is reported: our table cannot overrule it.
#[test]
fn foreign_drop_policy() {
    on_host(|_| {
        let networks = open(Config::default());
        assert_eq!(networks.warnings(), [] as [String; 0]);
        let mut batch = Batch::new();
        batch.push(0x10, 0, &[0, 0, 0, 10], |_| ());
        batch.push(10 << 8, 0x400, &[2, 0, 0, 0], |a| a.string(1, "filter"));
        batch.push(10 << 8 | 3, 0x400, &[2, 0, 0, 0], |a| {
            a.string(1, "filter");
            a.string(3, "FORWARD");
            a.nest(4, |a| {
                a.be32(1, 2);
                a.be32(2, 0);
            });
            a.be32(5, 0);
            a.string(7, "filter");
        });
        batch.push(0x11, 0, &[0, 0, 0, 10], |_| ());
        // The end of a batch is not acknowledged by older kernels.
        let _ = Socket::open(Family::Netfilter).unwrap().execute(batch);
        let warnings = networks.warnings();
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].starts_with("WARNING: table ip filter, chain FORWARD drops"), "{warnings:?}");
    });
}

#[test]
fn hundred_in_a_row() {
    on_host(|_| {
        let networks = open(Config { ready: PoolLimits { low: 4, high: 64 }, ..Config::default() });
        let mut times = Vec::new();
        let mut sandboxes = Vec::new();
        for n in 0..100u16 {
            let request = request(&format!("c{n}"), &[port(10_000 + n, 80)]);
            let start = Instant::now();
            sandboxes.push(networks.attach(request).unwrap());
            times.push(start.elapsed());
        }
        let distinct: HashSet<_> = sandboxes.iter().map(ipv4).collect();
        assert_eq!(distinct.len(), 100);
        report("attach with a port, without a pause", &mut times);
        let mut times: Vec<_> = (0..100)
            .map(|n| {
                let start = Instant::now();
                networks.release(&format!("c{n}")).unwrap();
                start.elapsed()
            })
            .collect();
        report("release", &mut times);
        let start = Instant::now();
        networks.settle();
        println!("removal of 100 links: {:?}", start.elapsed());
        assert_eq!(networks.inspect("bridge").unwrap().containers, []);
    });
}

fn report(what: &str, times: &mut [Duration]) {
    times.sort();
    println!("{what}: median {:?}, p90 {:?}, longest {:?}", times[50], times[90], times[99]);
}

/// A bridge has 1,023 ports. All can be used, one more container is told why not, and what is kept ready never fails for
/// want of a port.
#[test]
fn full_bridge() {
    on_host(|_| {
        let networks = open(Config::default());
        let sandboxes: Vec<_> = (0..1023).map(|n| container(&networks, &n.to_string(), &[])).collect();
        let error = networks.attach(request("late", &[])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "network bridge is full: its bridge has 1023 ports, one for each container; make another network for more"
        );
        networks.release("7").unwrap();
        // The port of the one that went.
        container(&networks, "late", &[]);
        drop(sandboxes);
    });
}

/// The loopback device takes larger packets than any bridge.
#[test]
fn a_host_whose_default_route_is_the_loopback_device() {
    on_host(|_| {
        let mut socket = Socket::open(Family::Route).unwrap();
        let lo = link_by_name(&mut socket, "lo").unwrap().unwrap();
        let mut batch = Batch::new();
        push_address(&mut batch, Address { index: lo.index, address: [10, 98, 0, 1].into(), prefix: 24 });
        push_default_route(&mut batch, lo.index, [10, 98, 0, 2].into());
        socket.execute(batch).unwrap();
        let a = container(&open(Config::default()), "a", &[]);
        let eth0 =
            netns::run_in(netns_of(&a), || Ok(link_by_name(&mut Socket::open(Family::Route)?, "eth0")?)).unwrap();
        assert_eq!((lo.mtu, eth0.unwrap().mtu), (65536, 65535));
    });
}
