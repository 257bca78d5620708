//! `top` without a container: the live screen, on a terminal of its own, and the table without one.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::support::{BUSYBOX, engine, inspect};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};
use teu_testkit::engine::Engine;

/// Longest wait for something to show.
const PATIENCE: Duration = Duration::from_secs(20);

/// A program on a terminal of 120 by 30.
struct Terminal {
    child: Child,
    keyboard: File,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    /// All that was written to it.
    written: Vec<u8>,
    /// The terminal from the program's side, which keeps its settings when the program is gone.
    line: File,
}

fn size(cells: u16) -> NonZero<u16> {
    NonZero::new(cells).unwrap()
}

impl Terminal {
    fn start(mut program: Command) -> Self {
        let keyboard: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let path = ptsname(&keyboard, Vec::new()).unwrap().into_string().unwrap();
        tcsetwinsize(&keyboard, Winsize { ws_row: 30, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let open = || File::options().read(true).write(true).open(&path).unwrap();
        let line = open();
        program.stdin(Stdio::from(open())).stdout(Stdio::from(open())).stderr(Stdio::from(open()));
        let child = program.spawn().unwrap();
        let keyboard = File::from(keyboard);
        let mut reader = keyboard.try_clone().unwrap();
        let (sender, output) = channel();
        // Ends when the terminal is closed.
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count) = reader.read(&mut buffer) {
                if count == 0 || sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, keyboard, output, screen: vt100::Parser::new(size(30), size(120), 0), written: Vec::new(), line }
    }

    fn settings(&self) -> Termios {
        tcgetattr(&self.line).unwrap()
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the screen is as wanted, and answers what is on it.
    fn until(&mut self, what: &str, is_there: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let text = self.screen.screen().contents();
            if is_there(&text) {
                return text;
            }
            match self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(bytes) => {
                    self.screen.process(&bytes);
                    self.written.extend(bytes);
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => panic!("{what} is not on\n{text}"),
            }
        }
    }

    fn shows(&mut self, words: &str) -> String {
        self.until(words, |text| text.contains(words))
    }

    /// Waits for the program's end, and whether the terminal is the shell's again.
    fn ended(mut self, before: &Termios) -> i32 {
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        while let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(200)) {
            self.written.extend(bytes);
        }
        let written = String::from_utf8_lossy(&self.written).into_owned();
        let (entered, left) = (written.matches("\x1b[?1049h").count(), written.matches("\x1b[?1049l").count());
        assert!(entered > 0 && left >= entered && written.ends_with("\x1b[?25h"), "the screen before is back");
        let after = self.settings();
        assert_eq!(
            (after.input_modes, after.output_modes, after.local_modes),
            (before.input_modes, before.output_modes, before.local_modes)
        );
        code
    }
}

/// `top` with a terminal that is its session's own.
fn top(engine: &Engine) -> (Terminal, Termios) {
    let mut command = Command::new("setsid");
    let teu = engine.teu();
    command.args(["--ctty", "--wait"]).arg(teu.get_program()).args(teu.get_args()).arg("top");
    for (name, value) in teu.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("TERM", "xterm-256color").env_remove("NO_COLOR");
    let terminal = Terminal::start(command);
    let before = terminal.settings();
    (terminal, before)
}

fn run(engine: &Engine, name: &str, project: &str, script: &str) {
    let label = format!("com.docker.compose.project={project}");
    engine.run(&["run", "-d", "--name", name, "--label", &label, BUSYBOX, "sh", "-c", script]).unwrap();
}

#[test]
fn a_screen_to_work_with() {
    let Some(engine) = engine() else { return };
    run(&engine, "web", "shop", "echo hello from web; trap exit TERM; while :; do sleep .1; done");
    run(&engine, "db", "shop", "sleep 1000");
    let (mut terminal, before) = top(&engine);
    let text = terminal.shows("log of db");
    assert!(text.contains("shop") && text.contains("2/2 up"), "{text}");
    terminal.until("a sample", |text| text.lines().any(|line| line.contains("  web") && line.contains("iB /")));
    // The next one and its log.
    terminal.press("j");
    terminal.shows("hello from web");
    // What comes and goes without being asked for.
    run(&engine, "new", "", "sleep 1000");
    terminal.shows("3 containers, 3 up");
    engine.run(&["rm", "-f", "new"]).unwrap();
    terminal.shows("2 containers, 2 up");
    // A shell in it, with the terminal for itself.
    terminal.press("e");
    terminal.until("a prompt", |text| text.trim_end().ends_with('#'));
    terminal.press("echo in $((40 + 2)); exit\r");
    terminal.shows("log of web");
    assert!(String::from_utf8_lossy(&terminal.written).contains("in 42"), "what was typed was run");
    terminal.press("s");
    terminal.shows("Stop web? (y/n)");
    terminal.press("y");
    terminal.shows("web is stopped");
    assert_eq!(inspect(&engine, "web", "{{.State.Status}}"), "exited");
    terminal.press("w");
    terminal.shows("Somebody stopped it");
    terminal.press("q");
    assert_eq!(terminal.ended(&before), 0);
}

#[test]
fn the_terminal_is_put_back() {
    let Some(engine) = engine() else { return };
    // Ctrl-C.
    let (mut terminal, before) = top(&engine);
    terminal.shows("0 containers");
    terminal.press("\x03");
    assert_eq!(terminal.ended(&before), 0);
    // A signal: to the program, which is the child of what made its session.
    let (mut terminal, before) = top(&engine);
    terminal.shows("0 containers");
    let pid = terminal.child.id();
    let pid = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let pid: i32 =
        pid.split_whitespace().next().map_or(i32::try_from(terminal.child.id()).unwrap(), |pid| pid.parse().unwrap());
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), rustix::process::Signal::TERM).unwrap();
    assert_eq!(terminal.ended(&before), 128 + 15);
}

#[test]
fn a_table_without_a_terminal() {
    let Some(engine) = engine() else { return };
    run(&engine, "web", "shop", "sleep 1000");
    engine.run(&["create", "--name", "later", BUSYBOX]).unwrap();
    let table = engine.run(&["top"]).unwrap();
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][..3], ["PROJECT", "NAME", "STATE"]);
    assert_eq!(lines[1][..4], ["shop", "web", "running", "-"], "{table}");
    assert!(lines[1][5].ends_with("iB") && lines[1].last() == Some(&"1"), "{table}");
    assert_eq!(lines[2][..4], ["-", "later", "created", "-"], "{table}");
}
