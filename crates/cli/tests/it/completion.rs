//! Completion in the shells themselves, where they are installed.

use std::process::Command;

use crate::engine::Engine;

const CONTAINERS: &str = r#"[{"Id":"1","Names":["/web-one"],"Image":"shop","State":"running","Status":"Up"},
    {"Id":"2","Names":["/web-two"],"Image":"shop","State":"exited","Status":"Exited (0)"}]"#;

/// Command lines up to where Tab is pressed, and the word that stands there then.
const CASES: [(&str, &str); 8] = [
    ("teu renam", "rename"),
    ("teu stop w", "web-one"),
    ("teu start w", "web-two"),
    ("teu why web-t", "web-two"),
    ("teu debug web-o", "web-one"),
    ("teu run --restart un", "unless-stopped"),
    ("teu run --restart=un", "unless-stopped"),
    ("teu container ren", "rename"),
];

/// What a shell prints for a script that finds `teu` in its path; `None` if there is no such shell.
fn shell(engine: &Engine, words: &[&str], script: &str) -> Option<String> {
    let bin = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_cli"), bin.path().join("teu")).unwrap();
    // The settings that lead to the engine are those of any other command line.
    let plain = engine.command(&[]);
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).arg(script).env_clear().env("HOME", bin.path()).env("TERM", "dumb");
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("PATH", format!("{}:/usr/bin:/bin", bin.path().display()));
    match command.output() {
        Ok(output) => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("{}: {error}", words[0]),
    }
}

fn engine() -> Engine {
    Engine::new(&[("GET /containers/json", 200, CONTAINERS)])
}

#[test]
fn bash() {
    let lines: String = CASES.iter().map(|(line, _)| format!("complete_line '{line}'\n")).collect();
    let script = format!(
        r#"source <(teu completion bash)
        compopt() {{ :; }}
        complete_line() {{ COMP_LINE=$1 COMP_POINT=${{#1}}; _teu_complete; echo "${{COMPREPLY[*]}}"; }}
        {lines}"#
    );
    let Some(out) = shell(&engine(), &["bash", "--norc", "-c"], &script) else { return };
    assert_eq!(out.lines().collect::<Vec<_>>(), CASES.map(|(_, word)| word));
}

#[test]
fn fish() {
    let lines: String = CASES.iter().map(|(line, _)| format!("complete -C '{line}'\n")).collect();
    let script = format!("teu completion fish | source\n{lines}");
    let Some(out) = shell(&engine(), &["fish", "--no-config", "-c"], &script) else { return };
    // A word and a line about it; here the word holds the flag, too.
    let words = out.lines().map(|line| line.split('\t').next().unwrap_or_default());
    let words: Vec<&str> = words.map(|word| word.rsplit('=').next().unwrap_or_default()).collect();
    assert_eq!(words, CASES.map(|(_, word)| word));
}

#[test]
fn zsh() {
    // A terminal is needed for zsh to complete anything: it makes one for another zsh.
    let lines: String = CASES
        .iter()
        .map(|(line, word)| {
            format!("zpty -w -n z $'{line}\\t'; zpty -r z out '*{word}*' && print {word}\nzpty -w -n z $'\\x15'\n")
        })
        .collect();
    let script = format!(
        "zmodload zsh/zpty || exit 3
        zpty z zsh -f -i
        zpty -w z 'autoload -U compinit; compinit -u -D; source <(teu completion zsh); print re''ady'
        zpty -r z out '*ready*'
        {lines}
        zpty -d z"
    );
    let Some(out) = shell(&engine(), &["timeout", "60", "zsh", "-f", "-c"], &script) else { return };
    if !out.is_empty() {
        assert_eq!(out.lines().collect::<Vec<_>>(), CASES.map(|(_, word)| word));
    }
}
