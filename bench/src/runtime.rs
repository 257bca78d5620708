//! P3: OCI runtimes alone.

use crate::Settings;
use crate::subject::{plain, time};
use crate::table::{self, Row};
use anyhow::{Context as _, Result};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::Command;
use teu_testkit::host::{Host, succeed};

/// `run` of a bundle with the namespaces and the profile of an ordinary container.
pub(crate) fn run(settings: &Settings) -> Result<()> {
    let host = Host::start()?;
    let bundle = host.path("bundle");
    make_bundle(&settings.teu, &bundle)?;
    let bundle = bundle.to_str().context("a path that is no text")?;
    // State goes where each runtime has it by default: below /run.
    let own = || plain(&settings.teu, &["runtime", "run", "--bundle", bundle, "teu-bench-p3"]);
    let mut rows = vec![Row::new("teu runtime")];
    rows.extend(settings.peers.runtimes.iter().map(|tool| Row::new(tool.name)));
    rows.push(Row::new("floor: unshare of the same namespaces"));
    for turn in 0..=settings.runs {
        let mut commands: Vec<Command> = vec![own()];
        for tool in &settings.peers.runtimes {
            commands.push(tool.command(&["run", "--bundle", bundle, "teu-bench-p3"]));
        }
        let flags = ["--pid", "--mount", "--net", "--uts", "--ipc", "--fork", "/bin/true"];
        commands.push(plain(Path::new("/usr/bin/unshare"), &flags));
        for (command, row) in commands.into_iter().zip(&mut rows) {
            let elapsed = time(command)?;
            if turn > 0 {
                row.time(elapsed);
            }
        }
    }
    table::print("P3: OCI runtime, run of a bundle", "ms", &rows);
    Ok(())
}

/// The bundle that `spec` describes, running `true` without a terminal.
fn make_bundle(teu: &Path, bundle: &Path) -> Result<()> {
    let bin = bundle.join("rootfs/bin");
    fs::create_dir_all(&bin)?;
    fs::copy("/bin/busybox", bin.join("busybox")).context("busybox-static is needed")?;
    std::os::unix::fs::symlink("busybox", bin.join("true"))?;
    let bundle_text = bundle.to_str().context("a path that is no text")?;
    succeed("runtime spec", &plain(teu, &["runtime", "spec", "--bundle", bundle_text]).output()?)?;
    let path = bundle.join("config.json");
    let mut spec: serde_json::Value = serde_json::from_slice(&fs::read(&path)?)?;
    spec["process"]["args"] = json!(["/bin/true"]);
    spec["process"]["terminal"] = json!(false);
    // Memory limits of nested cgroups and the like are no part of what is compared.
    spec["linux"].as_object_mut().context("spec has no linux section")?.remove("resources");
    fs::write(&path, serde_json::to_vec(&spec)?)?;
    Ok(())
}
