//! A published port against the container's own address, in a network namespace of its own: `throughput [rounds]`, as
//! root. Each request is a connection of its own, the worst case for address translation.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use teu_network::{AttachRequest, Config, HostPorts, Networks, PortRequest, Protocol, Sandbox, Target};
use teu_sys::netns;

/// Length of one measurement. Directions are measured in turn, so that a busy machine slows all of them alike.
const SLICE: Duration = Duration::from_millis(500);
const ANSWER: &[u8] = b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n";

fn main() -> std::io::Result<()> {
    let rounds: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(7);
    netns::on_thread(|| {
        netns::create()?;
        let networks = Networks::open(Config::default(), Vec::new()).expect("open");
        networks.adopt(&[]).expect("adopt");
        // A container per way: connections to one by several ways would meet in the same ports, and those that wait in
        // TIME_WAIT would stop the others.
        let [direct, loopback, address] = [8080, 8081, 8082].map(|port| container(&networks, port));
        let gateway = direct.endpoint.gateway.expect("a gateway");
        let targets = [
            ("direct", SocketAddr::new(direct.endpoint.ipv4.expect("an address").address(), 80)),
            ("loopback", SocketAddr::new(Ipv4Addr::LOCALHOST.into(), loopback.endpoint.ports[0].host_port)),
            ("address", SocketAddr::new(gateway, address.endpoint.ports[0].host_port)),
        ];
        report(&targets, rounds)
    })
}

/// A container with a server on its port 80, published.
fn container(networks: &Networks, host_port: u16) -> Sandbox {
    let port = PortRequest {
        container_port: 80,
        protocol: Protocol::Tcp,
        host_ip: None,
        host_ports: HostPorts::One(host_port),
    };
    let id = host_port.to_string();
    let request = AttachRequest::new(&id, &id, Target::Network("bridge".to_owned()));
    let sandbox = networks.attach(AttachRequest { ports: vec![port], ..request }).expect("attach");
    let netns = sandbox.netns.as_ref().expect("a namespace").as_fd();
    let listener = netns::run_in(netns, || TcpListener::bind("0.0.0.0:80")).expect("a listener");
    std::thread::spawn(move || serve(&listener));
    sandbox
}

fn serve(listener: &TcpListener) {
    while let Ok((mut client, _)) = listener.accept() {
        let _ = client.write_all(ANSWER);
    }
}

/// Prints requests per second, median of all rounds, and the ratio to the first target.
fn report(targets: &[(&str, SocketAddr)], rounds: usize) -> std::io::Result<()> {
    let mut counts = vec![Vec::new(); targets.len()];
    for _ in 0..rounds {
        for (count, (_, target)) in counts.iter_mut().zip(targets) {
            count.push(requests(*target)?);
        }
    }
    let medians: Vec<f64> = counts.iter_mut().map(|c| median(c)).collect();
    for ((name, _), median) in targets.iter().zip(&medians) {
        writeln!(std::io::stdout(), "{name}: {median:.0} requests/s, {:.2} of direct", median / medians[0])?;
    }
    Ok(())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn requests(target: SocketAddr) -> std::io::Result<f64> {
    let (start, mut count) = (Instant::now(), 0u32);
    while start.elapsed() < SLICE {
        let mut answer = Vec::new();
        TcpStream::connect(target)?.read_to_end(&mut answer)?;
        assert_eq!(answer, ANSWER);
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}
