//! Who reaches whom.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;

use teu_network::{Config, HostPorts, PortRequest, Protocol};
use teu_sys::netns;

use crate::world::{
    HOST, HOST6, OUTSIDE, OUTSIDE6, ask, ask_udp, container, has_bridge_netfilter, ipv4, ipv6, is_closed, netns_of,
    on_both_hosts, on_host, open, port, serve, serve_udp,
};

fn dual_stack() -> Config {
    Config { ipv6: true, ..Config::default() }
}

#[test]
fn published_tcp_port() {
    on_both_hosts(|world| {
        let networks = open(Config::default());
        let web = container(&networks, "web", &[port(8080, 80)]);
        let other = container(&networks, "other", &[]);
        let _server = serve(netns_of(&web), 80, "web");
        let outside: IpAddr = OUTSIDE.into();
        let gateway = web.endpoint.gateway.unwrap();
        // From outside the source is kept.
        assert_eq!(ask(world.outside.as_fd(), (HOST, 8080)).unwrap(), format!("web {outside}"));
        // From the host: by its address, by loopback of both families, and directly.
        assert_eq!(ask(world.host.as_fd(), (HOST, 8080)).unwrap(), format!("web {}", IpAddr::from(HOST)));
        assert_eq!(ask(world.host.as_fd(), (Ipv4Addr::LOCALHOST, 8080)).unwrap(), format!("web {gateway}"));
        assert_eq!(ask(world.host.as_fd(), (Ipv6Addr::LOCALHOST, 8080)).unwrap(), format!("web {gateway}"));
        assert_eq!(ask(world.host.as_fd(), (ipv4(&web), 80)).unwrap(), format!("web {gateway}"));
        // IPv6 from outside, for a container without.
        let host6: Ipv6Addr = HOST6.parse().unwrap();
        assert_eq!(ask(world.outside.as_fd(), (host6, 8080)).unwrap(), format!("web {gateway}"));
        // From containers by the host's addresses: another one, and itself.
        for address in [IpAddr::from(HOST), gateway] {
            assert_eq!(ask(netns_of(&other), (address, 8080)).unwrap(), format!("web {gateway}"));
            assert_eq!(ask(netns_of(&web), (address, 8080)).unwrap(), format!("web {gateway}"));
        }
    });
}

#[test]
fn published_udp_port() {
    on_both_hosts(|world| {
        let networks = open(Config::default());
        let request = PortRequest { protocol: Protocol::Udp, ..port(5353, 53) };
        let dns = container(&networks, "dns", &[request]);
        let _server = serve_udp(netns_of(&dns), 53, "dns");
        let gateway = dns.endpoint.gateway.unwrap();
        assert_eq!(ask_udp(world.outside.as_fd(), (HOST, 5353)).unwrap(), format!("dns {}", IpAddr::from(OUTSIDE)));
        assert_eq!(ask_udp(world.host.as_fd(), (HOST, 5353)).unwrap(), format!("dns {}", IpAddr::from(HOST)));
        assert_eq!(ask_udp(world.host.as_fd(), (Ipv4Addr::LOCALHOST, 5353)).unwrap(), format!("dns {gateway}"));
        assert_eq!(ask_udp(world.host.as_fd(), (Ipv6Addr::LOCALHOST, 5353)).unwrap(), format!("dns {gateway}"));
        assert_eq!(ask_udp(netns_of(&dns), (HOST, 5353)).unwrap(), format!("dns {gateway}"));
        assert!(is_closed(world.outside.as_fd(), (HOST, 5353)));
    });
}

/// A client that goes on sending from the same port while containers come and go.
#[test]
fn datagrams_follow_the_port() {
    on_host(|world| {
        let networks = open(Config::default());
        let request = PortRequest { protocol: Protocol::Udp, ..port(5353, 53) };
        let client = netns::run_in(world.outside.as_fd(), || std::net::UdpSocket::bind("0.0.0.0:4000")).unwrap();
        client.set_read_timeout(Some(std::time::Duration::from_millis(200))).unwrap();
        // Answers to earlier datagrams may be late.
        let answers = |wanted: String| {
            let mut buffer = [0; 64];
            (0..50).any(|_| {
                // An error is the port unreachable of an earlier try.
                let _ = client.send_to(b"?", (Ipv4Addr::from(HOST), 5353));
                client.recv(&mut buffer).is_ok_and(|length| buffer[..length] == *wanted.as_bytes())
            })
        };
        // Before anything is published the kernel remembers that there is nothing to translate.
        client.send_to(b"?", (Ipv4Addr::from(HOST), 5353)).unwrap();
        for name in ["one", "two"] {
            let sandbox = container(&networks, name, &[request]);
            let _server = serve_udp(netns_of(&sandbox), 53, name);
            assert!(answers(format!("{name} {}", IpAddr::from(OUTSIDE))));
            networks.release(name).unwrap();
        }
    });
}

#[test]
fn containers_reach_each_other_and_the_outside() {
    on_both_hosts(|world| {
        let networks = open(Config::default());
        let (a, b) = (container(&networks, "a", &[]), container(&networks, "b", &[]));
        let _b = serve(netns_of(&b), 80, "b");
        assert_eq!(ask(netns_of(&a), (ipv4(&b), 80)).unwrap(), format!("b {}", ipv4(&a)));
        let _outside = serve(world.outside.as_fd(), 80, "outside");
        assert_eq!(ask(netns_of(&a), (OUTSIDE, 80)).unwrap(), format!("outside {}", IpAddr::from(HOST)));
        let _udp = serve_udp(world.outside.as_fd(), 53, "dns");
        assert_eq!(ask_udp(netns_of(&a), (OUTSIDE, 53)).unwrap(), format!("dns {}", IpAddr::from(HOST)));
    });
}

#[test]
fn outside_does_not_get_in() {
    on_both_hosts(|world| {
        let networks = open(Config::default());
        let local = PortRequest { host_ip: Some(Ipv4Addr::LOCALHOST.into()), ..port(8081, 80) };
        let a = container(&networks, "a", &[local]);
        let _a = serve(netns_of(&a), 80, "a");
        world.route_outside_to_host();
        assert!(is_closed(world.outside.as_fd(), (ipv4(&a), 80)));
        assert!(is_closed(world.outside.as_fd(), (HOST, 8081)));
        assert!(ask(world.host.as_fd(), (Ipv4Addr::LOCALHOST, 8081)).is_ok());
        assert!(is_closed(world.host.as_fd(), (HOST, 8081)));
    });
}

#[test]
fn containers_are_separated_without_icc() {
    on_both_hosts(|world| {
        let networks = open(Config { icc: false, ..Config::default() });
        let (a, b) = (container(&networks, "a", &[]), container(&networks, "b", &[port(8080, 80)]));
        let _b = serve(netns_of(&b), 80, "b");
        assert!(is_closed(netns_of(&a), (ipv4(&b), 80)));
        assert_eq!(is_closed(netns_of(&a), (HOST, 8080)), has_bridge_netfilter());
        assert!(ask(world.host.as_fd(), (ipv4(&b), 80)).is_ok());
    });
}

#[test]
fn dual_stack_network() {
    on_both_hosts(|world| {
        let networks = open(dual_stack());
        let web = container(&networks, "web", &[port(8080, 80)]);
        let other = container(&networks, "other", &[]);
        let _server = serve(netns_of(&web), 80, "web");
        let host6: Ipv6Addr = HOST6.parse().unwrap();
        let outside6: Ipv6Addr = OUTSIDE6.parse().unwrap();
        let gateway6 = web.endpoint.gateway6.unwrap();
        assert_eq!(ask(netns_of(&other), (ipv6(&web), 80)).unwrap(), format!("web {}", ipv6(&other)));
        // Translated by the kernel: the source is kept.
        assert_eq!(ask(world.outside.as_fd(), (host6, 8080)).unwrap(), format!("web {outside6}"));
        assert_eq!(ask(world.host.as_fd(), (host6, 8080)).unwrap(), format!("web {host6}"));
        assert_eq!(ask(world.host.as_fd(), (Ipv6Addr::LOCALHOST, 8080)).unwrap(), format!("web {gateway6}"));
        assert_eq!(ask(netns_of(&web), (host6, 8080)).unwrap(), format!("web {gateway6}"));
        assert_eq!(ask(world.outside.as_fd(), (HOST, 8080)).unwrap(), format!("web {}", IpAddr::from(OUTSIDE)));
        let _outside = serve(world.outside.as_fd(), 80, "outside");
        assert_eq!(ask(netns_of(&other), (outside6, 80)).unwrap(), format!("outside {host6}"));
    });
}

#[test]
fn specific_host_address() {
    on_both_hosts(|world| {
        let networks = open(Config::default());
        let request = PortRequest { host_ip: Some(HOST.into()), host_ports: HostPorts::Any, ..port(0, 80) };
        let web = container(&networks, "web", &[request]);
        let _server = serve(netns_of(&web), 80, "web");
        let [binding] = web.endpoint.ports[..] else { panic!("{:?}", web.endpoint.ports) };
        assert!((32768..=60999).contains(&binding.host_port));
        assert!(ask(world.outside.as_fd(), binding.host()).is_ok());
        assert!(ask(world.host.as_fd(), binding.host()).is_ok());
        assert!(is_closed(world.host.as_fd(), (Ipv4Addr::LOCALHOST, binding.host_port)));
    });
}

#[test]
fn without_a_packet_filter_the_proxy_carries() {
    on_both_hosts(|world| {
        let networks = open(Config { firewall: teu_network::FirewallMode::Off, ..Config::default() });
        let web = container(&networks, "web", &[port(8080, 80)]);
        let _server = serve(netns_of(&web), 80, "web");
        let gateway = web.endpoint.gateway.unwrap();
        assert_eq!(ask(world.outside.as_fd(), (HOST, 8080)).unwrap(), format!("web {gateway}"));
        assert_eq!(ask(world.host.as_fd(), (Ipv4Addr::LOCALHOST, 8080)).unwrap(), format!("web {gateway}"));
    });
}
