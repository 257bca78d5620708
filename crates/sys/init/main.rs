//! The init of containers that are run with `--init`: starts a program, hands signals on to it, reaps what it leaves
//! behind, and ends as it ends.
//!
//! It is an executable of its own, without a standard library, built by `build.rs` and carried inside of the one that
//! everything else is in: an init lives as long as its container, and this one takes two pages of memory for itself.
//! All signals may be blocked when it begins: those that came before are handed on, too, and the program gets none blocked.
//! It behaves as the init of other engines does (`tini`): the program gets a process group and the terminal, a program
//! that cannot be executed is 127 or 126, one that a signal ended is 128 and its number.

#![no_std]
#![no_main]
// A loop that fills memory is not to become a call of itself.
#![no_builtins]

use core::arch::{asm, global_asm};
use core::ffi::{CStr, c_char};
use core::ptr::{null, null_mut};

// The stack holds argc, the arguments and the environment, each list with a null at its end.
#[cfg(target_arch = "x86_64")]
global_asm!(".globl _start", "_start:", "xor %ebp, %ebp", "mov %rsp, %rdi", "and $-16, %rsp", "call start", "ud2", options(att_syntax));
#[cfg(target_arch = "aarch64")]
global_asm!(".globl _start", "_start:", "mov x29, #0", "mov x30, #0", "mov x0, sp", "bl start", "brk #1");

/// Numbers of system calls.
#[cfg(target_arch = "x86_64")]
mod nr {
    pub const RT_SIGACTION: usize = 13;
    pub const RT_SIGPROCMASK: usize = 14;
    pub const IOCTL: usize = 16;
    pub const WRITE: usize = 1;
    pub const CLONE: usize = 56;
    pub const EXECVE: usize = 59;
    pub const WAIT4: usize = 61;
    pub const KILL: usize = 62;
    pub const SETPGID: usize = 109;
    pub const RT_SIGTIMEDWAIT: usize = 128;
    pub const EXIT_GROUP: usize = 231;
}
#[cfg(target_arch = "aarch64")]
mod nr {
    pub const IOCTL: usize = 29;
    pub const WRITE: usize = 64;
    pub const EXIT_GROUP: usize = 94;
    pub const KILL: usize = 129;
    pub const RT_SIGACTION: usize = 134;
    pub const RT_SIGPROCMASK: usize = 135;
    pub const RT_SIGTIMEDWAIT: usize = 137;
    pub const SETPGID: usize = 154;
    pub const CLONE: usize = 220;
    pub const EXECVE: usize = 221;
    pub const WAIT4: usize = 260;
}

const ENOENT: isize = 2;
const EACCES: isize = 13;
const ENOTDIR: isize = 20;
const NAME_MAX: usize = 4096;

const SIGCHLD: usize = 17;
const SIG_SETMASK: usize = 2;
const TIOCSPGRP: usize = 0x5410;
const WNOHANG: usize = 1;

/// Signals that say something about this process itself: they are not for the program.
const OWN: [u32; 7] = [4, 5, 6, 7, 8, 11, 31]; // ILL TRAP ABRT BUS FPE SEGV SYS

/// # Safety
/// The arguments must be those that the system call takes.
unsafe fn syscall(number: usize, args: [usize; 5]) -> isize {
    let result: isize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the kernel changes nothing but what is named, and what the caller's arguments point to.
    unsafe {
        asm!("syscall", inlateout("rax") number.cast_signed() => result, in("rdi") args[0], in("rsi") args[1], in("rdx") args[2],
             in("r10") args[3], in("r8") args[4], lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        asm!("svc 0", in("x8") number, inlateout("x0") args[0].cast_signed() => result, in("x1") args[1], in("x2") args[2],
             in("x3") args[3], in("x4") args[4], options(nostack));
    }
    result
}

fn exit(code: i32) -> ! {
    loop {
        // SAFETY: takes a number.
        unsafe { syscall(nr::EXIT_GROUP, [code.cast_unsigned() as usize, 0, 0, 0, 0]) };
    }
}

fn write(bytes: &[u8]) {
    // SAFETY: the bytes are readable. What cannot be written is not.
    unsafe { syscall(nr::WRITE, [2, bytes.as_ptr() as usize, bytes.len(), 0, 0]) };
}

fn kill(pid: i32, signal: usize) {
    // SAFETY: takes numbers. The program may have ended: then it needs no signal.
    unsafe { syscall(nr::KILL, [pid as usize, signal, 0, 0, 0]) };
}

/// Sets the signal mask.
fn mask(set: u64) {
    // SAFETY: the set has the size that is named; the one before is not asked for.
    unsafe { syscall(nr::RT_SIGPROCMASK, [SIG_SETMASK, (&raw const set) as usize, null::<u8>() as usize, 8, 0]) };
}

/// Where the program begins: nothing is set up but the stack.
#[unsafe(no_mangle)]
extern "C" fn start(stack: *const usize) -> ! {
    // SAFETY: the kernel puts argc there, then the arguments with a null, then the environment with a null.
    let (args, env) = unsafe {
        let argc = *stack;
        let args = stack.add(1).cast::<*const c_char>();
        (args, args.add(argc + 1))
    };
    // SAFETY: the lists end with null, which is looked at before each step.
    let program = unsafe {
        let first = if (*args).is_null() { args } else { args.add(1) };
        if !(*first).is_null() && CStr::from_ptr(*first) == c"--" { first.add(1) } else { first }
    };
    // SAFETY: as above.
    if unsafe { (*program).is_null() } {
        write(b"[FATAL docker-init] no program is given\n");
        exit(1);
    }
    let handed_on = OWN.iter().fold(u64::MAX, |set, signal| set & !(1 << (signal - 1)));
    mask(handed_on);
    // SAFETY: a plain fork, with the parent's stack as it is.
    match unsafe { syscall(nr::CLONE, [SIGCHLD, 0, 0, 0, 0]) } {
        0 => become_program(program, env),
        pid @ 1.. => look_after(i32::try_from(pid).unwrap_or(0), handed_on),
        _ => {
            write(b"[FATAL docker-init] fork failed\n");
            exit(1)
        }
    }
}

/// The parent: hands signals on and reaps until the program has ended.
fn look_after(program: i32, signals: u64) -> ! {
    ignore_terminal_stops();
    loop {
        // A child that has ended may have been the last signal that was taken: the state is asked, not counted.
        reap(program);
        // SAFETY: the set has the size that is named; nothing is asked about the signal, and there is no time limit.
        let signal = unsafe {
            syscall(nr::RT_SIGTIMEDWAIT, [(&raw const signals) as usize, null::<u8>() as usize, null::<u8>() as usize, 8, 0])
        };
        if let Ok(signal) = usize::try_from(signal)
            && signal != SIGCHLD
            && signal != 0
        {
            kill(program, signal);
        }
    }
}

/// Takes all children that have ended; ends with the program's code if it is among them.
fn reap(program: i32) {
    let mut code = None;
    loop {
        let mut status = 0i32;
        let any = usize::MAX;
        // SAFETY: the status is writable.
        let pid = unsafe { syscall(nr::WAIT4, [any, (&raw mut status) as usize, WNOHANG, null_mut::<u8>() as usize, 0]) };
        if pid <= 0 {
            break;
        }
        if pid == program as isize {
            let signal = status & 0x7f;
            code = Some(if signal == 0 { (status >> 8) & 0xff } else { 128 + signal });
        }
    }
    if let Some(code) = code {
        exit(code);
    }
}

/// The terminal belongs to the program: what is written here must not stop this process.
fn ignore_terminal_stops() {
    // The kernel's struct sigaction: handler (1 is SIG_IGN), flags, restorer, mask.
    let ignore: [usize; 4] = [1, 0, 0, 0];
    for signal in [21, 22] {
        // SAFETY: the action is as the kernel reads it; the old one is not asked for.
        unsafe { syscall(nr::RT_SIGACTION, [signal, (&raw const ignore) as usize, null::<u8>() as usize, 8, 0]) };
    }
}

/// The child: gets a process group, the terminal if there is one, no signal blocked, and becomes the program.
fn become_program(args: *const *const c_char, env: *const *const c_char) -> ! {
    // SAFETY: takes numbers.
    unsafe { syscall(nr::SETPGID, [0, 0, 0, 0, 0]) };
    let own = own_pid();
    // SAFETY: the group's number is readable. Without a terminal this fails and changes nothing.
    unsafe { syscall(nr::IOCTL, [0, TIOCSPGRP, (&raw const own) as usize, 0, 0]) };
    mask(0);
    // SAFETY: the caller has seen that there is a program, and the lists are as the kernel made them.
    let name = unsafe { CStr::from_ptr(*args) };
    let error = execute(name.to_bytes(), args, env);
    write(b"[FATAL docker-init] exec ");
    write(name.to_bytes());
    write(match error {
        ENOENT => b" failed: No such file or directory\n",
        EACCES => b" failed: Permission denied\n",
        _ => b" failed\n",
    });
    exit(match error {
        ENOENT => 127,
        EACCES => 126,
        _ => 1,
    })
}

#[cfg(target_arch = "x86_64")]
fn own_pid() -> i32 {
    // SAFETY: `getpid` takes nothing.
    unsafe { syscall(39, [0; 5]) as i32 }
}

#[cfg(target_arch = "aarch64")]
fn own_pid() -> i32 {
    // SAFETY: `getpid` takes nothing.
    unsafe { syscall(172, [0; 5]) as i32 }
}

/// Executes a program, sought in `PATH` if its name has no slash; returns why it could not.
fn execute(name: &[u8], args: *const *const c_char, env: *const *const c_char) -> isize {
    if name.contains(&b'/') {
        return execve(b"", name, args, env);
    }
    let mut error = ENOENT;
    for folder in path(env).split(|byte| *byte == b':') {
        match execve(folder, name, args, env) {
            ENOENT | ENOTDIR => {}
            other => error = other,
        }
    }
    error
}

/// The variable `PATH`, or where programs usually are.
fn path<'a>(mut env: *const *const c_char) -> &'a [u8] {
    // SAFETY: the list ends with null; each entry is a string that lives as long as the process.
    unsafe {
        while !(*env).is_null() {
            if let Some(value) = CStr::from_ptr(*env).to_bytes().strip_prefix(b"PATH=") {
                return value;
            }
            env = env.add(1);
        }
    }
    b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}

/// Executes `folder/name`; returns why it could not.
fn execve(folder: &[u8], name: &[u8], args: *const *const c_char, env: *const *const c_char) -> isize {
    let mut buffer = [0u8; NAME_MAX];
    let slash: &[u8] = if folder.is_empty() { b"" } else { b"/" };
    if folder.len() + name.len() + 2 > buffer.len() {
        return ENOENT;
    }
    let bytes = folder.iter().chain(slash).chain(name);
    for (place, byte) in buffer.iter_mut().zip(bytes) {
        *place = *byte;
    }
    // SAFETY: the buffer ends with a zero; both lists are as the kernel made them.
    -unsafe { syscall(nr::EXECVE, [buffer.as_ptr() as usize, args as usize, env as usize, 0, 0]) }
}

/// # Safety
/// `to` must be writable for `len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, len: usize) -> *mut u8 {
    for at in 0..len {
        // SAFETY: by the caller's promise. The lowest eight bits are what counts.
        unsafe { *to.add(at) = byte.to_ne_bytes()[0] };
    }
    to
}

/// # Safety
/// `from` must be readable and `to` writable for `len` bytes, and they must not overlap.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    for at in 0..len {
        // SAFETY: by the caller's promise.
        unsafe { *to.add(at) = *from.add(at) };
    }
    to
}

/// # Safety
/// Both must be readable for `len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, len: usize) -> i32 {
    // SAFETY: by the caller's promise.
    let differs = (0..len).any(|at| unsafe { *one.add(at) != *other.add(at) });
    i32::from(differs)
}

/// # Safety
/// There must be a zero somewhere after `text`.
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(text: *const c_char) -> usize {
    let mut len = 0;
    // SAFETY: by the caller's promise.
    while unsafe { *text.add(len) } != 0 {
        len += 1;
    }
    len
}

/// Nothing is unwound; the core library's tables name it.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(255)
}
