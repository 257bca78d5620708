//! The table of targets.

use std::hint::black_box;
use std::io;
use std::path::Path;

use tempfile::TempDir;
use teu_image::{DriverKind, Limits, Store, StoreOptions};
use teu_keeper::protocol::LogDriver;
use teu_oci::defaults::{DEFAULT_CAPABILITIES, KernelVersion, Target as Machine, parse_profile};
use teu_oci::digest::Digest;
use teu_oci::reference::Reference;

use crate::seeds::{binary, documents, texts};

/// Something that takes a stranger's bytes.
#[derive(Debug)]
pub struct Target {
    /// Its name: the crate's, and what it is.
    pub name: &'static str,
    /// Feeds it. A panic is a finding.
    pub run: fn(&[u8]),
    /// Inputs that lead into it.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Mutated inputs in the ordinary test: fewer where one takes long.
    pub rounds: u32,
}

const fn target(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>, rounds: u32) -> Target {
    Target { name, run, seeds, rounds }
}

/// All targets, in the order of their names.
pub const TARGETS: &[Target] = &[
    target("api_bodies", teu_api::fuzzing::bodies, documents::api, 1000),
    target("api_headers", teu_api::fuzzing::headers, texts::headers, 3000),
    target("api_queries", teu_api::fuzzing::queries, texts::queries, 3000),
    target("api_streams", teu_api::fuzzing::streams, texts::streams, 3000),
    target("archive_unpack", unpack, binary::unpacked, 300),
    target("cli_config", teu_cli::fuzzing::config_files, documents::cli, 3000),
    target("cli_context", teu_cli::fuzzing::context_bundle, binary::contexts, 1000),
    target("cli_env_file", teu_cli::fuzzing::env_file, texts::env, 3000),
    target("cli_flags", teu_cli::fuzzing::flags, texts::flags, 1000),
    target("cli_json_layout", teu_cli::fuzzing::json_layout, documents::api, 2000),
    target("cli_template", teu_cli::fuzzing::template, texts::templates, 1000),
    target("daemon_detach_keys", teu_daemon::fuzzing::detach_keys, texts::requests, 3000),
    target("daemon_json", teu_daemon::fuzzing::daemon_json, documents::daemon, 2000),
    target("daemon_paths", teu_daemon::fuzzing::paths, texts::requests, 3000),
    target("engine_accounts", teu_engine::fuzzing::accounts, texts::accounts, 3000),
    target("engine_cdi", teu_engine::fuzzing::cdi, documents::cdi, 2000),
    target("engine_create", teu_engine::fuzzing::create_request, documents::create, 500),
    target("engine_event_journal", teu_engine::fuzzing::event_journal, documents::events, 2000),
    target("engine_filters", teu_engine::fuzzing::filters, documents::filters, 3000),
    target("engine_grpc_probe", teu_engine::fuzzing::grpc_probe, binary::grpc, 500),
    target("engine_health_check", teu_engine::fuzzing::health_check, documents::health, 2000),
    target("engine_http_probe", teu_engine::fuzzing::http_probe, texts::answers, 1000),
    target("engine_image_config", teu_engine::fuzzing::image_config, documents::image_configs, 500),
    target("engine_kernel_text", teu_engine::fuzzing::kernel_text, texts::kernel, 500),
    target("engine_options", teu_engine::fuzzing::options, texts::flags, 500),
    target("engine_update", teu_engine::fuzzing::replaced_limits, documents::updates, 2000),
    target("image_changes", teu_image::fuzzing::changes, texts::changes, 2000),
    target("image_documents", teu_image::fuzzing::documents, documents::image, 2000),
    target("image_load", load_archive, binary::archives, 60),
    target("image_pattern", teu_image::fuzzing::pattern, texts::patterns, 3000),
    target("keeper_files", teu_keeper::fuzzing::left_files, documents::keeper_files, 2000),
    target("keeper_frames", teu_keeper::fuzzing::frames, documents::keeper_frames, 2000),
    target("keeper_messages", teu_keeper::fuzzing::messages, documents::keeper_messages, 2000),
    target("layer_blob", teu_image::fuzzing::layer_blob, binary::blobs, 500),
    target("layer_drivers", layer_drivers, binary::tars, 100),
    target("layer_index", teu_image::fuzzing::layer_index, binary::tars, 700),
    target("layer_tar", teu_image::fuzzing::layer_tar, binary::cut_tars, 1000),
    target("log_confirmations", teu_engine::fuzzing::confirmations, binary::confirmations, 3000),
    target("log_entries", teu_engine::fuzzing::log_entries, binary::logs, 2000),
    target("log_files", log_files, binary::cut_logs, 300),
    target("log_journal", teu_keeper::fuzzing::log_journal, documents::keeper_files, 3000),
    target("log_options", teu_engine::fuzzing::log_options, texts::log_options, 500),
    target("log_round_trip", log_round_trip, texts::output, 300),
    target("names", names, texts::names, 3000),
    target("network_dns", teu_network::fuzzing::dns_query, binary::queries, 3000),
    target("reference", reference, texts::references, 5000),
    target("registry_bodies", teu_registry::fuzzing::bodies, documents::registry, 3000),
    target("registry_challenge", teu_registry::fuzzing::challenge, texts::challenges, 3000),
    target("runtime_config", runtime_config, documents::runtime, 500),
    target("runtime_texts", teu_runtime::fuzzing::texts, texts::runtime, 3000),
    target("seccomp_json", teu_runtime::fuzzing::seccomp_json, documents::seccomp, 12),
    target("seccomp_policy", teu_sys::fuzzing::seccomp_policy, binary::policies, 60),
    target("seccomp_profile", seccomp_profile, documents::profiles, 200),
    target("seccomp_program", teu_sys::fuzzing::seccomp_program, binary::programs, 3000),
    target("sys_cgroup_stats", cgroup_stats, texts::cgroup_files, 300),
    target("sys_dbus", teu_sys::fuzzing::dbus, binary::dbus, 3000),
    target("sys_kernel_text", teu_sys::fuzzing::kernel_text, texts::kernel, 3000),
    target("sys_netlink", teu_sys::fuzzing::netlink, binary::netlink, 3000),
];

/// An empty folder, in memory if possible.
fn folder() -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("teu-fuzz-");
    builder.tempdir_in("/dev/shm").or_else(|_| builder.tempdir())
}

/// Runs what needs an empty folder in one. Where there is none, nothing is done.
fn in_folder(run: impl FnOnce(&Path) -> io::Result<()>) {
    if let Ok(folder) = folder() {
        run(folder.path()).unwrap_or_else(|error| panic!("{error}"));
    }
}

fn unpack(data: &[u8]) {
    in_folder(|folder| teu_archive::fuzzing::unpack(folder, data));
}

fn layer_drivers(data: &[u8]) {
    in_folder(|folder| teu_image::fuzzing::layer_drivers(folder, data));
}

fn runtime_config(data: &[u8]) {
    in_folder(|folder| {
        teu_runtime::fuzzing::config_json(folder, data);
        Ok(())
    });
}

fn log_files(data: &[u8]) {
    in_folder(|folder| teu_engine::fuzzing::log_files(folder, data));
}

fn cgroup_stats(data: &[u8]) {
    in_folder(|folder| teu_sys::fuzzing::cgroup_stats(folder, data));
}

/// Image references and digests: what is written reads back.
fn reference(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string().parse(), Ok(digest));
    }
    black_box(teu_oci::id::short(&text));
    let Ok(reference) = Reference::parse(&text) else { return };
    assert_eq!(Reference::parse(&reference.to_string()).as_ref(), Ok(&reference));
    let named = reference.clone().with_default_tag();
    assert!(named.tag().is_some() || named.digest().is_some());
    black_box(reference.familiar());
}

/// Names of networks' parts: subnets, hardware addresses, protocols. What is written reads back.
fn network_names(text: &str) {
    if let Ok(subnet) = text.parse::<teu_network::Subnet>() {
        assert_eq!(subnet.to_string().parse(), Ok(subnet));
    }
    if let Ok(mac) = text.parse::<teu_network::MacAddress>() {
        assert_eq!(mac.to_string().parse(), Ok(mac));
    }
    black_box(text.parse::<teu_network::Protocol>().is_ok());
}

/// As [`network_names`], and capabilities, signals and kernel releases.
fn names(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    network_names(&text);
    black_box(KernelVersion::parse(&text));
    if let Some(capability) = teu_sys::caps::Capability::from_name(&text) {
        assert_eq!(teu_sys::caps::Capability::from_name(capability.name()), Some(capability));
    }
}

/// A profile in Docker's form, resolved, compiled, and compared with its meaning.
fn seccomp_profile(data: &[u8]) {
    let Ok(profile) = parse_profile(data) else { return };
    let kernel = KernelVersion { major: 6, minor: 12 };
    let filter = profile.resolve(&Machine { capabilities: &DEFAULT_CAPABILITIES[..4], architecture: "amd64", kernel });
    teu_runtime::fuzzing::seccomp_filter(&filter);
}

/// What a container wrote, through the keeper's log and the engine's reader, in both formats.
fn log_round_trip(data: &[u8]) {
    let Some((cut, output)) = data.split_first() else { return };
    for driver in [LogDriver::JsonFile, LogDriver::Local] {
        teu_engine::fuzzing::logged(output, driver, &teu_keeper::fuzzing::encode_log(output, driver, *cut));
    }
}

/// An archive for `load`. Where no store can be opened (that takes mounts), nothing is done.
fn load_archive(data: &[u8]) {
    // Opened once, and removed at the thread's end.
    thread_local! {
        static STORE: Option<(Store, TempDir)> = open_store().ok();
    }
    STORE.with(|store| {
        if let Some((store, _)) = store {
            teu_image::fuzzing::load(store, data);
        }
    });
}

fn open_store() -> io::Result<(Store, TempDir)> {
    let folder = tempfile::Builder::new().prefix("teu-fuzz-").tempdir()?;
    let limits = Limits { tar_size: 4 << 20, entries: 10_000, ratio_from: 1 << 20, ..Limits::default() };
    let options = StoreOptions { driver: Some(DriverKind::Erofs), limits };
    let store = Store::open(folder.path(), options).map_err(io::Error::other)?;
    Ok((store, folder))
}
