//! What a filter decides, before it is compiled.

/// What happens with each system call.
///
/// For a call, the rules that name it are tried in order; the first whose conditions all hold decides, or else
/// `default_action`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// For calls that no rule decides.
    pub default_action: Action,
    /// For numbers above the highest that a rule names: calls that are newer than the policy, whose callers fall back
    /// if they see `ENOSYS`. `None`: the default action.
    pub unknown_action: Option<Action>,
    /// For calls of an architecture not in `arches`.
    pub bad_arch_action: Action,
    /// Architectures whose calls the rules apply to. Empty: the machine's own.
    pub arches: Vec<Arch>,
    /// The rules.
    pub rules: Vec<Rule>,
    /// How the filter is installed.
    pub flags: Flags,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Names of system calls. Names that an architecture does not have are ignored for it.
    pub syscalls: Vec<String>,
    /// What happens.
    pub action: Action,
    /// All must hold.
    pub conditions: Vec<Condition>,
}

/// Condition on one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Condition {
    /// 0 to 5.
    pub argument: u8,
    /// How it is compared, unsigned, in 64 bits.
    pub compare: Compare,
    /// With what.
    pub value: u64,
}

/// Comparison of an argument with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compare {
    /// `argument != value`
    NotEqual,
    /// `argument < value`
    Less,
    /// `argument <= value`
    LessOrEqual,
    /// `argument == value`
    Equal,
    /// `argument >= value`
    GreaterOrEqual,
    /// `argument > value`
    Greater,
    /// `argument & mask == value`
    MaskedEqual {
        /// The mask.
        mask: u64,
    },
}

/// What happens with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// The process is killed with SIGSYS.
    KillProcess,
    /// The thread is killed with SIGSYS.
    KillThread,
    /// The thread gets SIGSYS.
    Trap,
    /// The call fails with this error number, 0 to 4095.
    Errno(u16),
    /// A listener decides.
    Notify,
    /// A tracer decides; the call fails with `ENOSYS` if there is none. The value is passed to the tracer.
    Trace(u16),
    /// The call is made and logged.
    Log,
    /// The call is made.
    Allow,
}

/// Architectures of system calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Arch {
    /// x86, 64 bits.
    X86_64,
    /// x86, 32 bits.
    X86,
    /// x86, 64 bits with 32-bit pointers; shares its audit number with [`Arch::X86_64`].
    X32,
    /// Arm, 64 bits.
    Aarch64,
    /// Arm, 32 bits, EABI.
    Arm,
}

impl Action {
    /// The filter's result: the kernel's `SECCOMP_RET_*` with data in the low half.
    #[must_use]
    pub fn encode(self) -> u32 {
        match self {
            Action::KillProcess => 0x8000_0000,
            Action::KillThread => 0,
            Action::Trap => 0x0003_0000,
            // The kernel takes what is above its largest error number for that one.
            Action::Errno(number) => 0x0005_0000 | u32::from(number.min(4095)),
            Action::Notify => 0x7FC0_0000,
            Action::Trace(message) => 0x7FF0_0000 | u32::from(message),
            Action::Log => 0x7FFC_0000,
            Action::Allow => 0x7FFF_0000,
        }
    }
}

impl Arch {
    /// The architecture this program is built for, if it is one of them.
    #[must_use]
    pub const fn native() -> Option<Arch> {
        if cfg!(target_arch = "x86_64") {
            Some(Arch::X86_64)
        } else if cfg!(target_arch = "aarch64") {
            Some(Arch::Aarch64)
        } else if cfg!(target_arch = "x86") {
            Some(Arch::X86)
        } else if cfg!(target_arch = "arm") {
            Some(Arch::Arm)
        } else {
            None
        }
    }

    /// The kernel's `AUDIT_ARCH_*`: the ELF machine, with bits for 64 bits and little endian.
    pub(super) fn audit_number(self) -> u32 {
        const LITTLE_ENDIAN: u32 = 0x4000_0000;
        const WIDE: u32 = 0x8000_0000;
        match self {
            Arch::X86_64 | Arch::X32 => 62 | LITTLE_ENDIAN | WIDE,
            Arch::X86 => 3 | LITTLE_ENDIAN,
            Arch::Aarch64 => 183 | LITTLE_ENDIAN | WIDE,
            Arch::Arm => 40 | LITTLE_ENDIAN,
        }
    }
}

bitflags::bitflags! {
    /// How a filter is installed: the kernel's `SECCOMP_FILTER_FLAG_*`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Flags: u32 {
        /// For all threads of the process.
        const TSYNC = 1;
        /// Every action but allow is logged.
        const LOG = 2;
        /// Leaves speculative store bypass on.
        const SPEC_ALLOW = 4;
        /// Returns a descriptor for [`Action::Notify`]. Set by [`install`](super::install()) where it is needed.
        const NEW_LISTENER = 8;
        /// With a listener: waits only for fatal signals (Linux 5.19).
        const WAIT_KILLABLE_RECV = 32;
    }
}

impl Default for Policy {
    /// Everything is allowed.
    fn default() -> Policy {
        Policy {
            default_action: Action::Allow,
            unknown_action: None,
            bad_arch_action: Action::KillProcess,
            arches: Vec::new(),
            rules: Vec::new(),
            flags: Flags::default(),
        }
    }
}
