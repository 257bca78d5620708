//! Fuzz targets: values of flags, templates and configuration files. See `fuzz/README.md`. Not part of
//! the interface.

use std::hint::black_box;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use teu_api::container::PortMap;

use crate::config::context::bundle;
use crate::config::{ConfigFile, auth};
use crate::format::ordered;
use crate::format::template::{Data, Template};
use crate::opts;

/// A value, for every kind of flag.
pub fn flags(data: &[u8]) {
    let text = &*String::from_utf8_lossy(data);
    let here = Path::new("/here");
    ports(text);
    normal_forms(text);
    limits(text);
    black_box(opts::mount::parse(text, here).is_ok());
    black_box((opts::volume::parse(text, here).is_ok(), opts::network::parse(text).is_ok()));
    black_box((opts::device::parse(text).is_ok(), opts::device::cgroup_rule(text).is_ok()));
    black_box(opts::filter::parse(text).is_ok());
    black_box((opts::gpus::parse(text).is_ok(), opts::hosts::extra_host(text).is_ok()));
    black_box((opts::hosts::dns_search(text).is_ok(), opts::hosts::is_mac_address(text)));
    black_box((opts::keyvalue::label(text).is_ok(), opts::keyvalue::sysctl(text).is_ok()));
    black_box((opts::keyvalue::link(text).is_ok(), opts::keyvalue::stream(text).is_ok()));
    black_box((opts::number::boolean(text).is_ok(), opts::number::uint16(text).is_ok()));
    black_box((opts::throttle::bytes(text).is_ok(), opts::throttle::operations(text).is_ok()));
    black_box(opts::timestamp::parse(text, Timestamp::UNIX_EPOCH, &TimeZone::UTC).is_ok());
    black_box(teu_api::detach_keys::parse(text).is_ok());
}

/// Every port is a number below 65536 with a protocol, and there are never more than that. One that was split off stands for
/// itself.
fn ports(text: &str) {
    let number = |port: &str| port.parse::<u16>().is_ok();
    let mut published = PortMap::default();
    if opts::ports::publish(text, &mut published).is_ok() {
        assert!(
            published.keys().all(|port| port.split_once('/').is_some_and(|(port, _)| number(port))),
            "{published:?}"
        );
        let mut bindings = published.values().flatten().flatten();
        assert!(bindings.all(|binding| binding.host_port.split('-').all(|port| port.is_empty() || number(port))));
        assert!(published.len() <= 1 << 16);
    }
    if let Ok(exposed) = opts::ports::expose(text) {
        assert!(!exposed.is_empty() && exposed.len() <= 1 << 16);
        let itself = |port: &String| opts::ports::expose(port).is_ok_and(|again| again == [port.as_str()]);
        assert!(exposed.first().is_some_and(itself) && exposed.last().is_some_and(itself), "{exposed:?}");
    }
}

/// What a value is made into is made into itself.
fn normal_forms(text: &str) {
    let of_text: [fn(&str) -> anyhow::Result<String>; 3] =
        [opts::platform::parse, opts::keyvalue::stream, opts::hosts::ip_address];
    for normal in of_text {
        if let Ok(once) = normal(text) {
            assert_eq!(normal(&once).ok(), Some(once));
        }
    }
    if let Ok(fields) = opts::keyvalue::record(text) {
        let quoted: Vec<String> = fields.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect();
        assert_eq!(opts::keyvalue::record(&quoted.join(",")).ok(), Some(fields));
    }
}

/// Numbers are within their limits, and those with a sign are as far from zero on both sides.
fn limits(text: &str) {
    if let Ok(limit) = opts::ulimit::parse(text) {
        assert!(
            limit.hard == -1 || limit.soft != -1 && limit.soft <= limit.hard || limit.soft == limit.hard,
            "{limit:?}"
        );
    }
    if let Ok(device) = opts::throttle::weight(text) {
        assert!(device.weight == 0 || (10..=1000).contains(&device.weight), "{device:?}");
    }
    if text != "-1" {
        assert_eq!(opts::size::swap_bytes(text).ok(), opts::size::ram_bytes(text).ok());
    }
    black_box(opts::number::nano_cpus(text).is_ok());
    let signed: [fn(&str) -> anyhow::Result<i64>; 2] = [opts::duration::nanoseconds, opts::number::int];
    for read in signed {
        if let Ok(value) = read(text)
            && !text.starts_with(['-', '+'])
        {
            assert_eq!(read(&format!("-{text}")).ok(), Some(-value));
            assert_eq!(read(&format!("+{text}")).ok(), Some(value));
        }
    }
}

/// `.env` files: every line is a variable with a name, or refused.
pub fn env_file(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(variables) = opts::env::parse(&text, |name| Some(format!("<{name}>"))) {
        assert!(variables.iter().all(|variable| variable.split_once('=').is_some_and(|(name, _)| !name.is_empty())));
    }
}

/// Go templates, on a document with every kind of value.
pub fn template(data: &[u8]) {
    const DOCUMENT: &str = r#"{"Id":"abc","State":{"Status":"running","Pid":7},"Config":{"Cmd":["a","b"],"Env":null,
        "Labels":{"z":"1"},"Volumes":null},"Ports":{"80/tcp":[{"HostPort":"8080"}]},"Big":1e3,"List":[1,[2]]}"#;
    let text = String::from_utf8_lossy(data);
    // Widths of `printf`, counts of `pad` and rounds of `range` are the user's own.
    if text.len() > 2048 {
        return;
    }
    if let Ok(template) = Template::parse(&text) {
        let template = template.rounds(1000);
        black_box(template.render(Data::json(DOCUMENT)).is_ok());
    }
}

/// `config.json`: what is in it is read or refused, and proxies are added once. Credentials, as `login` writes them, are the
/// same again.
pub fn config_files(data: &[u8]) {
    let Ok(members) = serde_json::from_slice(data) else { return };
    let Ok(mut config) = ConfigFile::of(members) else { return };
    settings(&config);
    // Helpers are programs, which are not run here.
    config.cred_helpers.clear();
    config.creds_store.clear();
    if let Ok(all) = auth::all(&config) {
        assert!(all.keys().all(|registry| config.auths.contains_key(registry)));
    }
    for (registry, auth) in &config.auths {
        let Ok(credentials) = auth::decode(registry, auth) else { continue };
        assert!(auth.auth.is_empty() || !credentials.username.contains(':'), "{credentials:?}");
        if !auth.auth.is_empty() {
            let written = serde_json::from_value(auth::entry(&credentials));
            let again = written.map_err(anyhow::Error::from).and_then(|auth| auth::decode(registry, &auth));
            let [of, again] =
                [Some(credentials), again.ok()].map(|auth| auth.map(|auth| (auth.username, auth.password)));
            assert_eq!(again, of);
        }
    }
}

/// What commands take from `config.json` besides credentials.
fn settings(config: &ConfigFile) {
    let mut variables = vec!["no_proxy=x".to_owned()];
    config.add_proxies("unix:///var/run/docker.sock", &mut variables);
    let once = variables.clone();
    config.add_proxies("unix:///var/run/docker.sock", &mut variables);
    assert_eq!(variables, once);
    if let Ok(headers) = config.headers() {
        assert!(headers.len() <= config.http_headers.len());
    }
    for format in [&config.ps_format, &config.images_format, &config.stats_format] {
        template(format.as_bytes());
    }
    black_box(teu_api::detach_keys::parse(&config.detach_keys).is_ok());
    black_box(config.prune_filters.iter().filter(|text| opts::filter::parse(text).is_ok()).count());
}

/// The archive of a context: what is read survives being written, and no name in it leads elsewhere.
pub fn context_bundle(data: &[u8]) {
    let Ok((meta, files)) = bundle::unpack(data) else { return };
    for name in files.iter().flat_map(|(endpoint, of)| of.keys().chain([endpoint])) {
        assert!(!name.contains('/') && !matches!(name.as_str(), "" | "." | ".."), "{name:?}");
    }
    let again = bundle::pack(&meta, &files).and_then(|archive| bundle::unpack(&archive[..]));
    assert!(again.is_ok_and(|again| again == (meta, files)));
}

/// JSON laid out anew says the same.
pub fn json_layout(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (indented, compact) = (ordered::indent(text), ordered::compact(text));
    black_box((ordered::members(text).is_some(), ordered::elements(text).is_some(), ordered::string(text)));
    let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else { return };
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    assert_eq!((read(&indented), read(&compact)), (Some(value.clone()), Some(value)));
}
