//! Extended BPF: just enough to guard the device nodes of a v2 cgroup with a program made here.
//!
//! Numbers are those of the kernel's `include/uapi/linux/bpf.h`.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Errno;

/// One instruction: the kernel's `struct bpf_insn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    /// Operation.
    pub code: u8,
    /// Destination register in the low four bits, source register in the high ones.
    pub registers: u8,
    /// Memory or jump offset.
    pub offset: i16,
    /// Immediate operand.
    pub immediate: i32,
}

/// A register, 0 to 9. Register 0 holds the result, register 1 the context on entry.
pub type Register = u8;

const BPF_LDX_MEM_W: u8 = 0x61;
const BPF_ALU_AND_K: u8 = 0x54;
const BPF_ALU_RSH_K: u8 = 0x74;
const BPF_ALU_MOV_X: u8 = 0xBC;
const BPF_ALU64_MOV_K: u8 = 0xB7;
const BPF_JMP32_JNE_K: u8 = 0x56;
const BPF_JMP32_JEQ_K: u8 = 0x16;
const BPF_EXIT: u8 = 0x95;

impl Instruction {
    const fn new(code: u8, destination: Register, source: Register, offset: i16, immediate: u32) -> Instruction {
        Instruction { code, registers: destination | source << 4, offset, immediate: immediate.cast_signed() }
    }

    /// `to = *(u32 *)(from + offset)`
    #[must_use]
    pub const fn load(to: Register, from: Register, offset: i16) -> Instruction {
        Instruction::new(BPF_LDX_MEM_W, to, from, offset, 0)
    }

    /// `register &= mask`, in 32 bits.
    #[must_use]
    pub const fn and(register: Register, mask: u32) -> Instruction {
        Instruction::new(BPF_ALU_AND_K, register, 0, 0, mask)
    }

    /// `register >>= bits`, in 32 bits.
    #[must_use]
    pub const fn shift_right(register: Register, bits: u32) -> Instruction {
        Instruction::new(BPF_ALU_RSH_K, register, 0, 0, bits)
    }

    /// `to = from`, in 32 bits.
    #[must_use]
    pub const fn copy(to: Register, from: Register) -> Instruction {
        Instruction::new(BPF_ALU_MOV_X, to, from, 0, 0)
    }

    /// `register = value`
    #[must_use]
    pub const fn set(register: Register, value: u32) -> Instruction {
        Instruction::new(BPF_ALU64_MOV_K, register, 0, 0, value)
    }

    /// Skips instructions if the low 32 bits are not the value.
    #[must_use]
    pub const fn jump_if_not(register: Register, value: u32, skip: i16) -> Instruction {
        Instruction::new(BPF_JMP32_JNE_K, register, 0, skip, value)
    }

    /// Skips instructions if the low 32 bits are the value.
    #[must_use]
    pub const fn jump_if(register: Register, value: u32, skip: i16) -> Instruction {
        Instruction::new(BPF_JMP32_JEQ_K, register, 0, skip, value)
    }

    /// Ends the program with register 0.
    #[must_use]
    pub const fn exit() -> Instruction {
        Instruction::new(BPF_EXIT, 0, 0, 0, 0)
    }
}

const BPF_PROG_LOAD: libc::c_long = 5;
const BPF_PROG_ATTACH: libc::c_long = 8;
const BPF_PROG_DETACH: libc::c_long = 9;
const BPF_PROG_GET_FD_BY_ID: libc::c_long = 13;
const BPF_PROG_QUERY: libc::c_long = 16;

const BPF_PROG_TYPE_CGROUP_DEVICE: u32 = 15;
const BPF_CGROUP_DEVICE: u32 = 6;
const BPF_F_ALLOW_MULTI: u32 = 1 << 1;
const BPF_F_REPLACE: u32 = 1 << 2;

/// More programs than this on one cgroup are not ours to handle (kernel: `BPF_CGROUP_MAX_PROGS`).
const MAX_PROGRAMS: usize = 64;

/// The part of `union bpf_attr` for `BPF_PROG_LOAD`.
#[repr(C)]
#[derive(Default)]
struct LoadAttr {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
    prog_ifindex: u32,
    expected_attach_type: u32,
}

/// The part of `union bpf_attr` for `BPF_PROG_ATTACH` and `BPF_PROG_DETACH`.
#[repr(C)]
#[derive(Default)]
struct AttachAttr {
    target_fd: u32,
    attach_bpf_fd: u32,
    attach_type: u32,
    attach_flags: u32,
    replace_bpf_fd: u32,
    padding: u32,
}

/// The part of `union bpf_attr` for `BPF_PROG_QUERY`.
#[repr(C)]
#[derive(Default)]
struct QueryAttr {
    target_fd: u32,
    attach_type: u32,
    query_flags: u32,
    attach_flags: u32,
    prog_ids: u64,
    prog_cnt: u32,
    padding: u32,
}

/// The part of `union bpf_attr` for `BPF_PROG_GET_FD_BY_ID`.
#[repr(C)]
#[derive(Default)]
struct IdAttr {
    id: u32,
    next_id: u32,
    open_flags: u32,
    padding: u32,
}

/// Loads a program that decides about access to device nodes (`BPF_PROG_TYPE_CGROUP_DEVICE`): a result of 1 allows.
///
/// # Errors
/// The kernel's: `EPERM` without `CAP_BPF`, `EINVAL` if the verifier refuses it.
pub fn load_device_program(program: &[Instruction]) -> Result<OwnedFd, Errno> {
    let mut attr = LoadAttr {
        prog_type: BPF_PROG_TYPE_CGROUP_DEVICE,
        insn_cnt: u32::try_from(program.len()).map_err(|_| Errno::TOOBIG)?,
        insns: program.as_ptr() as u64,
        license: c"Apache-2.0".as_ptr() as u64,
        expected_attach_type: BPF_CGROUP_DEVICE,
        ..LoadAttr::default()
    };
    attr.prog_name[..11].copy_from_slice(b"teu_devices");
    // SAFETY: the attribute points to instructions and a licence that live until the call returns.
    let fd = unsafe { bpf(BPF_PROG_LOAD, &mut attr) }?;
    // SAFETY: the kernel has just returned this descriptor, so it is open and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Makes a program the only device program of a v2 cgroup; what it replaces is detached.
///
/// # Errors
/// The kernel's.
pub fn set_device_program(cgroup: BorrowedFd<'_>, program: BorrowedFd<'_>) -> Result<(), Errno> {
    let attached = device_programs(cgroup)?;
    let mut attr = AttachAttr {
        target_fd: number(cgroup),
        attach_bpf_fd: number(program),
        attach_type: BPF_CGROUP_DEVICE,
        attach_flags: BPF_F_ALLOW_MULTI,
        ..AttachAttr::default()
    };
    if let [old] = &attached[..] {
        attr.attach_flags |= BPF_F_REPLACE;
        attr.replace_bpf_fd = number(old.as_fd());
        // SAFETY: the attribute has no pointers.
        if unsafe { bpf(BPF_PROG_ATTACH, &mut attr) }.is_ok() {
            return Ok(());
        }
        // Attached without BPF_F_ALLOW_MULTI, or Linux < 5.6.
        attr.attach_flags &= !BPF_F_REPLACE;
        attr.replace_bpf_fd = 0;
    }
    // SAFETY: the attribute has no pointers.
    unsafe { bpf(BPF_PROG_ATTACH, &mut attr) }?;
    // While both are attached, what both allow is allowed.
    attached.iter().try_for_each(|old| detach_device_program(cgroup, old.as_fd()))
}

/// Detaches every device program of a v2 cgroup.
///
/// # Errors
/// The kernel's.
pub fn clear_device_programs(cgroup: BorrowedFd<'_>) -> Result<(), Errno> {
    device_programs(cgroup)?.iter().try_for_each(|program| detach_device_program(cgroup, program.as_fd()))
}

fn detach_device_program(cgroup: BorrowedFd<'_>, program: BorrowedFd<'_>) -> Result<(), Errno> {
    let mut attr = AttachAttr {
        target_fd: number(cgroup),
        attach_bpf_fd: number(program),
        attach_type: BPF_CGROUP_DEVICE,
        ..AttachAttr::default()
    };
    // SAFETY: the attribute has no pointers.
    unsafe { bpf(BPF_PROG_DETACH, &mut attr) }.map(|_| ())
}

/// The device programs that are attached to a v2 cgroup itself.
///
/// # Errors
/// The kernel's.
pub fn device_programs(cgroup: BorrowedFd<'_>) -> Result<Vec<OwnedFd>, Errno> {
    let mut ids = [0u32; MAX_PROGRAMS];
    let mut attr = QueryAttr {
        target_fd: number(cgroup),
        attach_type: BPF_CGROUP_DEVICE,
        prog_ids: ids.as_mut_ptr() as u64,
        prog_cnt: 64,
        ..QueryAttr::default()
    };
    // SAFETY: the attribute points to room for as many ids as it says.
    unsafe { bpf(BPF_PROG_QUERY, &mut attr) }?;
    let count = usize::try_from(attr.prog_cnt).unwrap_or(0).min(MAX_PROGRAMS);
    ids[..count].iter().map(|&id| program_by_id(id)).collect()
}

fn program_by_id(id: u32) -> Result<OwnedFd, Errno> {
    let mut attr = IdAttr { id, ..IdAttr::default() };
    // SAFETY: the attribute has no pointers.
    let fd = unsafe { bpf(BPF_PROG_GET_FD_BY_ID, &mut attr) }?;
    // SAFETY: the kernel has just returned this descriptor, so it is open and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn number(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

/// The system call.
///
/// # Safety
/// `attr` is the part of `union bpf_attr` that the command uses, and what it points to is valid for the call.
unsafe fn bpf<T>(command: libc::c_long, attr: &mut T) -> Result<i32, Errno> {
    // SAFETY: the kernel reads and writes only the size it is told; the rest is the caller's promise.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attr), size_of::<T>()) };
    if result < 0 {
        return Err(std::io::Error::last_os_error().raw_os_error().map_or(Errno::INVAL, Errno::from_raw_os_error));
    }
    i32::try_from(result).map_err(|_| Errno::INVAL)
}
