//! What a new process asks its parent.

use super::{Plan, Step};

impl Plan {
    /// Whether the new process waits for answers before it is ready, or hands over what must have arrived before its program
    /// runs.
    pub(crate) fn asks(&self) -> bool {
        self.steps.iter().any(|step| match step {
            Step::AwaitIdMaps | Step::AwaitHooks => true,
            Step::Mount(mount) => mount.fill.is_some(),
            Step::Seccomp(filter) => filter.notifies(),
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Executable, Mount, Source};
    use std::os::fd::OwnedFd;
    use teu_sys::process::CStringArray;

    fn plan(step: Step) -> Plan {
        let none = || CStringArray::new(Vec::new());
        let program = Executable { name: String::new(), candidates: Vec::new(), args: none(), env: none() };
        let steps = vec![Step::BecomeRoot, step, Step::Gate];
        Plan { steps, program, gate: None, linger: false, hold_signals: false, empty: None }
    }

    #[test]
    fn only_what_is_answered() {
        let file = || OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        let mount = |fill| {
            let source = Source::Tree { mount: file(), directory: true };
            Step::Mount(Box::new(Mount { fill, ..Mount::new(c"tmp".to_owned(), source) }))
        };
        assert!(!plan(Step::NewSession).asks());
        assert!(!plan(mount(None)).asks());
        assert!(plan(mount(Some(file()))).asks());
        assert!(plan(Step::AwaitHooks).asks());
        assert!(plan(Step::AwaitIdMaps).asks());
    }
}
