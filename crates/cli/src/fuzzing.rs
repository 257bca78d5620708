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
    let mut ports = PortMap::default();
    if opts::ports::publish(text, &mut ports).is_ok() {
        assert!(ports.keys().all(|port| port.contains('/')), "{ports:?}");
    }
    black_box((opts::ports::expose(text).is_ok(), opts::mount::parse(text, here).is_ok()));
    black_box((opts::volume::parse(text, here).is_ok(), opts::network::parse(text).is_ok()));
    black_box((opts::device::parse(text).is_ok(), opts::device::cgroup_rule(text).is_ok()));
    black_box((opts::duration::nanoseconds(text).is_ok(), opts::filter::parse(text).is_ok()));
    black_box((opts::gpus::parse(text).is_ok(), opts::hosts::extra_host(text).is_ok()));
    black_box((opts::hosts::ip_address(text).is_ok(), opts::hosts::dns_search(text).is_ok()));
    black_box((opts::hosts::is_mac_address(text), opts::keyvalue::record(text).is_ok()));
    black_box((opts::keyvalue::label(text).is_ok(), opts::keyvalue::sysctl(text).is_ok()));
    black_box((opts::keyvalue::link(text).is_ok(), opts::keyvalue::stream(text).is_ok()));
    black_box((
        opts::number::boolean(text).is_ok(),
        opts::number::int(text).is_ok(),
        opts::number::uint16(text).is_ok(),
    ));
    black_box((opts::number::nano_cpus(text).is_ok(), opts::platform::parse(text).is_ok()));
    black_box((opts::size::ram_bytes(text).is_ok(), opts::size::swap_bytes(text).is_ok()));
    black_box((opts::throttle::bytes(text).is_ok(), opts::throttle::operations(text).is_ok()));
    black_box((opts::throttle::weight(text).is_ok(), opts::ulimit::parse(text).is_ok()));
    black_box(opts::timestamp::parse(text, Timestamp::UNIX_EPOCH, &TimeZone::UTC).is_ok());
    black_box(teu_api::detach_keys::parse(text).is_ok());
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
    // Widths of `printf` and counts of `pad` are the user's own.
    if text.len() > 2048 {
        return;
    }
    if let Ok(template) = Template::parse(&text) {
        black_box(template.render(Data::json(DOCUMENT)).is_ok());
    }
}

/// `config.json`: credentials in it are read or refused.
pub fn config_files(data: &[u8]) {
    if let Ok(config) = serde_json::from_slice::<ConfigFile>(data) {
        for (registry, auth) in &config.auths {
            black_box(auth::decode(registry, auth).is_ok());
        }
    }
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
