use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use super::arguments::{Global, Ps, TableFormat};
use super::{print, print_json};
use crate::container::Store;

/// `ps`
pub(super) fn run(global: &Global, args: &Ps) -> Result<ExitCode> {
    let container = Store::new(&global.root).open(&args.id)?;
    let cgroup = container.cgroup()?.with_context(|| format!("container {} has no cgroup", args.id))?;
    let pids = cgroup.pids()?;
    if args.format == TableFormat::Json {
        print_json(&pids)?;
        return Ok(ExitCode::SUCCESS);
    }
    let options: &[String] = if args.options.is_empty() { &["-ef".to_owned()] } else { &args.options };
    let output = Command::new("ps").args(options).output().context("run ps")?;
    if !output.status.success() {
        bail!("ps: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    print(&only(&String::from_utf8_lossy(&output.stdout), &pids)?)?;
    Ok(ExitCode::SUCCESS)
}

/// The header, and the lines of some processes, by the column `PID`.
fn only(table: &str, pids: &[i32]) -> Result<String> {
    let mut lines = table.lines();
    let header = lines.next().context("ps printed nothing")?;
    let column = header.split_whitespace().position(|c| c == "PID").context("ps printed no column PID")?;
    let wanted = |line: &&str| {
        let pid = line.split_whitespace().nth(column).and_then(|c| c.parse().ok());
        pid.is_some_and(|pid| pids.contains(&pid))
    };
    Ok(std::iter::once(header).chain(lines.filter(wanted)).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_chosen_by_pid() {
        let table = "UID  PID CMD\nroot   1 init\nroot  12 sh\nu     13 12\n";
        assert_eq!(only(table, &[12]).unwrap(), "UID  PID CMD\nroot  12 sh");
        assert!(only("USER CMD\n", &[1]).is_err());
    }
}
