use std::process::ExitCode;

use anyhow::{Context, Result};
use teu_oci::runtime::Resources;

use super::arguments::{Global, Update};
use crate::container::Store;

/// `update`
pub(super) fn run(global: &Global, args: &Update) -> Result<ExitCode> {
    let mut container = Store::new(&global.root).open(&args.id)?;
    let changes = changes(args)?;
    let cgroup = container.cgroup()?.with_context(|| format!("container {} has no cgroup", args.id))?;
    let limits = crate::resources::for_update(&changes)?;
    cgroup.apply(&limits)?;
    cgroup.tell_systemd(&limits)?;
    let linux = container.record.spec.linux.get_or_insert_default();
    merge(linux.resources.get_or_insert_default(), changes)?;
    container.save()?;
    Ok(ExitCode::SUCCESS)
}

/// The changes that a file and the flags ask for; flags win.
fn changes(args: &Update) -> Result<Resources> {
    let mut resources: Resources = match &args.resources {
        Some(path) if path.as_os_str() == "-" => {
            serde_json::from_reader(std::io::stdin().lock()).context("parse the resources")?
        }
        Some(path) => {
            let text = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
            serde_json::from_slice(&text).with_context(|| format!("parse {}", path.display()))?
        }
        None => Resources::default(),
    };
    if let Some(weight) = args.blkio_weight {
        resources.block_io.get_or_insert_default().weight = Some(weight);
    }
    if let Some(limit) = args.pids_limit {
        resources.pids.get_or_insert_default().limit = Some(limit);
    }
    cpu(args, &mut resources);
    memory(args, &mut resources);
    Ok(resources)
}

fn cpu(args: &Update, resources: &mut Resources) {
    let mut cpu = resources.cpu.clone().unwrap_or_default();
    cpu.period = args.cpu_period.or(cpu.period);
    cpu.quota = args.cpu_quota.or(cpu.quota);
    cpu.burst = args.cpu_burst.or(cpu.burst);
    cpu.shares = args.cpu_share.or(cpu.shares);
    cpu.realtime_period = args.cpu_rt_period.or(cpu.realtime_period);
    cpu.realtime_runtime = args.cpu_rt_runtime.or(cpu.realtime_runtime);
    cpu.idle = args.cpu_idle.or(cpu.idle);
    cpu.cpus = args.cpuset_cpus.clone().unwrap_or(cpu.cpus);
    cpu.mems = args.cpuset_mems.clone().unwrap_or(cpu.mems);
    resources.cpu = (cpu != Default::default()).then_some(cpu);
}

fn memory(args: &Update, resources: &mut Resources) {
    let mut memory = resources.memory.clone().unwrap_or_default();
    memory.limit = args.memory.or(memory.limit);
    memory.reservation = args.memory_reservation.or(memory.reservation);
    memory.swap = args.memory_swap.or(memory.swap);
    memory.kernel_tcp = args.kernel_memory_tcp.or(memory.kernel_tcp);
    resources.memory = (memory != Default::default()).then_some(memory);
}

/// Writes changes into what is kept: fields that are set replace those that are there.
fn merge(kept: &mut Resources, changes: Resources) -> Result<()> {
    let mut document = serde_json::to_value(&*kept)?;
    overlay(&mut document, serde_json::to_value(changes)?);
    *kept = serde_json::from_value(document)?;
    Ok(())
}

fn overlay(under: &mut serde_json::Value, over: serde_json::Value) {
    match (under, over) {
        (serde_json::Value::Object(under), serde_json::Value::Object(over)) => {
            for (name, value) in over {
                overlay(under.entry(name).or_insert(serde_json::Value::Null), value);
            }
        }
        (under, over) => *under = over,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use teu_oci::runtime::{Memory, Pids};

    #[test]
    fn changes_replace_only_what_they_name() {
        let memory = Memory { limit: Some(1), swap: Some(2), ..Memory::default() };
        let mut kept = Resources { memory: Some(memory), pids: Some(Pids { limit: Some(5) }), ..Resources::default() };
        let changes =
            Resources { memory: Some(Memory { limit: Some(9), ..Memory::default() }), ..Resources::default() };
        merge(&mut kept, changes).unwrap();
        let memory = kept.memory.unwrap();
        assert_eq!((memory.limit, memory.swap), (Some(9), Some(2)));
        assert_eq!(kept.pids.unwrap().limit, Some(5));
    }
}
