//! How long attaching and releasing take, in a network namespace of its own: `attach [count]`, as root.
//!
//! Prints medians for containers one after the other with a pause (as starts are), without any, and without endpoints
//! made ahead of time.

use std::io::Write;
use std::time::{Duration, Instant};

use teu_network::{AttachRequest, Config, HostPorts, Networks, PoolLimits, PortRequest, Protocol, Sandbox, Target};
use teu_sys::netns;

/// About what a container's start takes.
const PAUSE: Duration = Duration::from_millis(8);

fn main() -> std::io::Result<()> {
    let count = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(100);
    let mut out = std::io::stdout();
    netns::on_thread(|| {
        netns::create()?;
        for (name, ready, pause) in [
            ("a pause of 8 ms", PoolLimits::default(), PAUSE),
            ("no pause", PoolLimits::default(), Duration::ZERO),
            ("nothing ready", PoolLimits { low: 0, high: 0 }, Duration::ZERO),
        ] {
            for ports in [0, 1] {
                let (mut attach, mut release) = measure(count, ready, pause, ports);
                writeln!(out, "{name}, {ports} ports: attach {}; release {}", show(&mut attach), show(&mut release))?;
            }
        }
        Ok(())
    })
}

fn measure(count: u16, ready: PoolLimits, pause: Duration, ports: u16) -> (Vec<Duration>, Vec<Duration>) {
    let networks = Networks::open(Config { ready, ..Config::default() }, Vec::new()).expect("open");
    networks.adopt(&[]).expect("adopt");
    std::thread::sleep(PAUSE * 10);
    let mut sandboxes: Vec<Sandbox> = Vec::new();
    let attach = (0..count).map(|n| {
        std::thread::sleep(pause);
        let request = request(n, ports);
        timed(|| sandboxes.push(networks.attach(request).expect("attach")))
    });
    let attach = attach.collect();
    let release = (0..count).map(|n| {
        std::thread::sleep(pause);
        timed(|| networks.release(&n.to_string()).expect("release"))
    });
    let release = release.collect();
    networks.settle();
    (attach, release)
}

fn request(n: u16, ports: u16) -> AttachRequest {
    let port =
        |p| PortRequest { container_port: 80 + p, protocol: Protocol::Tcp, host_ip: None, host_ports: HostPorts::Any };
    let ports = (0..ports).map(port).collect();
    AttachRequest { ports, ..AttachRequest::new(n.to_string(), n.to_string(), Target::Network("bridge".to_owned())) }
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn show(times: &mut [Duration]) -> String {
    times.sort();
    let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default();
    format!("median {:?}, p90 {:?}, p99 {:?}", at(50), at(90), at(99))
}
