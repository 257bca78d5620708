//! `login` and `logout`: where credentials go, and what is said.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::engine::{Engine, outcome};

fn engine() -> Engine {
    Engine::new(&[("POST /auth", 200, r#"{"IdentityToken":"","Status":"Login Succeeded"}"#)])
}

fn login(engine: &Engine, arguments: &[&str], password: &str) -> (i32, String, String) {
    let mut command = engine.command(&[&["login"], arguments].concat());
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.unwrap();
    // What is refused at once reads nothing.
    drop(child.stdin.take().unwrap().write_all(password.as_bytes()));
    outcome(child.wait_with_output().unwrap())
}

fn folder(engine: &Engine) -> std::path::PathBuf {
    let command = engine.command(&[]);
    command.get_envs().find(|(name, _)| *name == "DOCKER_CONFIG").unwrap().1.unwrap().into()
}

#[test]
fn credentials_are_kept_in_the_file() {
    let engine = engine();
    engine.configure(r#"{"own":1}"#);
    let (code, out, err) = login(&engine, &["-u", "me", "--password-stdin", "http://r.example:5000/x"], "secret\n");
    assert_eq!((code, out.as_str()), (0, "Login Succeeded\n"));
    assert!(err.starts_with("\nWARNING! Your credentials are stored unencrypted in '/"), "{err}");
    let asked = engine.requests();
    let asked = asked.iter().find(|request| request.line == "POST /auth").unwrap();
    assert_eq!(asked.body, r#"{"username":"me","password":"secret","serveraddress":"r.example:5000"}"#);
    let path = folder(&engine).join("config.json");
    let kept = || std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        kept(),
        "{\n\t\"auths\": {\n\t\t\"r.example:5000\": {\n\t\t\t\"auth\": \"bWU6c2VjcmV0\"\n\t\t}\n\t},\n\t\"own\": 1\n}"
    );
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let (code, _, err) = login(&engine, &["r.example:5000"], "");
    assert!(code == 0 && err.starts_with("Authenticating with existing credentials... [Username: me]\n"), "{err}");
    assert_eq!(engine.run(&["logout", "r.example:5000"]).1, "Removing login credentials for r.example:5000\n");
    assert_eq!(kept(), "{\n\t\"auths\": {},\n\t\"own\": 1\n}");
    assert_eq!(engine.run(&["logout"]).1, "Removing login credentials for https://index.docker.io/v1/\n");
}

#[test]
fn credentials_are_kept_by_a_helper() {
    let engine = engine();
    engine.configure(r#"{"credHelpers":{"r.example":"shell"}}"#);
    let folder = folder(&engine);
    let helper = folder.join("docker-credential-shell");
    let kept = folder.join("kept");
    let script = format!(
        "#!/bin/sh\ncase $1 in store) /bin/cat > {0};; get) [ -e {0} ] && /bin/cat {0} || {{ echo credentials not found; exit 1; }};; \
         erase) /bin/rm {0};; esac\n",
        kept.display()
    );
    teu_testkit::executable::write(&helper, script).unwrap();
    let run = |arguments: &[&str]| outcome(engine.command(arguments).env("PATH", &folder).output().unwrap());
    let (code, _, err) = run(&["login", "-u", "me", "-p", "secret", "r.example"]);
    assert_eq!((code, err.as_str()), (0, "WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n"));
    let stored = std::fs::read_to_string(&kept).unwrap();
    assert_eq!(stored, r#"{"ServerURL":"r.example","Username":"me","Secret":"secret"}"#);
    let file = std::fs::read_to_string(folder.join("config.json")).unwrap();
    assert!(file.contains("\"r.example\": {}") && !file.contains("\"auth\":"), "{file}");
    assert!(run(&["login", "r.example"]).2.contains("[Username: me]"));
    assert_eq!(run(&["logout", "r.example"]).0, 0);
    assert!(!kept.exists());
}

#[test]
fn what_is_refused() {
    let engine = engine();
    for (arguments, message) in [
        (&["--password-stdin", "r"][..], "the --password-stdin option requires --username to be set\n"),
        (
            &["-u", "me", "-p", "x", "--password-stdin"],
            "conflicting options: cannot specify both --password and --password-stdin\n",
        ),
        (&["-u", "", "-p", "x"], "username is empty\n"),
        (&["-u", "me", "-p", ""], "password is empty\n"),
        (&["-u", "me"], "Error: Cannot perform an interactive login from a non TTY device\n"),
        (&["-u", "me", "--password-stdin"], "Error: Cannot perform an interactive login from a non TTY device\n"),
    ] {
        let (code, _, err) = login(&engine, arguments, "");
        assert_eq!((code, err.as_str()), (1, message), "{arguments:?}");
    }
    assert!(engine.requests().is_empty(), "nothing was asked");
}
