//! Contexts: kept as Docker keeps them, chosen as Docker chooses them.

use std::path::Path;
use std::process::Command;

use crate::engine::{Engine, outcome, program};

struct User(tempfile::TempDir);

impl User {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(arguments);
        command.env("DOCKER_CONFIG", self.path()).current_dir(self.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        outcome(self.command(arguments).output().unwrap())
    }

    /// Standard output of a command that must succeed.
    fn told(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.run(arguments);
        assert_eq!(code, 0, "{arguments:?}: {err}");
        out
    }
}

#[test]
fn a_context_is_made_used_and_removed() {
    let user = User::new();
    let made = user.run(&["context", "create", "far", "--description", "elsewhere", "--docker", "host=tcp://h:1"]);
    assert_eq!(made, (0, "far\n".to_owned(), "Successfully created context \"far\"\n".to_owned()));
    // Where Docker looks for it: the SHA-256 of its name.
    let id = "512eea46ceb3921dff4363c7069d89d4964d1d9fccaa0f411851a7aa60a5c868";
    assert_eq!(
        std::fs::read_to_string(user.path().join("contexts/meta").join(id).join("meta.json")).unwrap(),
        r#"{"Name":"far","Metadata":{"Description":"elsewhere"},"Endpoints":{"docker":{"Host":"tcp://h:1","SkipTLSVerify":false}}}"#
    );
    let twice = user.run(&["context", "create", "far"]);
    assert_eq!((twice.0, twice.2.as_str()), (1, "context \"far\" already exists\n"));

    std::fs::write(user.path().join("config.json"), r#"{"psFormat":"x","own":{"a":1}}"#).unwrap();
    assert_eq!(user.run(&["context", "use", "far"]).2, "Current context is now \"far\"\n");
    assert_eq!(
        std::fs::read_to_string(user.path().join("config.json")).unwrap(),
        "{\n\t\"auths\": {},\n\t\"currentContext\": \"far\",\n\t\"own\": {\n\t\t\"a\": 1\n\t},\n\t\"psFormat\": \"x\"\n}"
    );
    assert_eq!(user.told(&["context", "show"]), "far\n");
    assert_eq!(
        user.told(&["context", "ls"]),
        "NAME      DESCRIPTION                               DOCKER ENDPOINT            ERROR\n\
         default   Current DOCKER_HOST based configuration   unix:///run/teu/teu.sock   \n\
         far *     elsewhere                                 tcp://h:1                  \n"
    );
    let in_use = user.run(&["context", "rm", "far"]);
    assert_eq!((in_use.0, in_use.2.as_str()), (1, "context \"far\" is in use, set -f flag to force remove\n"));
    assert_eq!(user.told(&["context", "rm", "-f", "far"]), "far\n");
    assert_eq!(user.told(&["context", "show"]), "default\n");
    assert_eq!(user.told(&["context", "ls", "-q"]), "default\n");
    let gone = user.run(&["context", "use", "far"]);
    assert!(gone.0 == 1 && gone.2.starts_with("context \"far\": context not found: open /"), "{}", gone.2);
}

#[test]
fn a_context_leads_to_its_engine() {
    let engine = Engine::new(&[("GET /containers/json", 200, r#"[{"Id":"0123456789abcdef"}]"#)]);
    let user = User::new();
    let host = engine.command(&[]).get_envs().find(|(name, _)| *name == "DOCKER_HOST").unwrap().1.unwrap().to_owned();
    let endpoint = format!("host={}", host.to_string_lossy());
    user.told(&["context", "create", "near", "--docker", &endpoint]);
    assert_eq!(user.told(&["--context", "near", "ps", "-q"]), "0123456789ab\n");
    let by_environment = user.command(&["ps", "-q"]).env("DOCKER_CONTEXT", "near").output().unwrap();
    assert_eq!(outcome(by_environment).1, "0123456789ab\n");
    user.told(&["context", "use", "near"]);
    assert_eq!(user.told(&["ps", "-q"]), "0123456789ab\n");
    let missing = user.run(&["--context", "nope", "ps"]);
    assert!(missing.0 == 1 && missing.2.contains("context \"nope\": context not found"), "{}", missing.2);
    let warned = user.command(&["context", "use", "near"]).env("DOCKER_HOST", "unix:///x").output().unwrap();
    assert!(outcome(warned).2.contains("Warning: DOCKER_HOST environment variable overrides the active context."));
}

#[test]
fn a_context_travels_in_an_archive() {
    let user = User::new();
    let key = user.path().join("key.pem");
    std::fs::write(&key, "-----BEGIN PRIVATE KEY-----\n").unwrap();
    let endpoint = format!("host=tcp://h:2376,cert={0},key={0},skip-tls-verify=true", key.display());
    user.told(&["context", "create", "far", "--docker", &endpoint]);
    let written = user.run(&["context", "export", "far"]);
    assert_eq!((written.0, written.2.as_str()), (0, "Written file \"far.dockercontext\"\n"));
    assert_eq!(user.run(&["context", "export", "far"]).2, "open far.dockercontext: file exists\n");
    user.told(&["context", "import", "copy", "far.dockercontext"]);
    let shown = "{{.Endpoints.docker.Host}} {{.Endpoints.docker.SkipTLSVerify}} {{.TLSMaterial.docker}}";
    assert_eq!(user.told(&["context", "inspect", "-f", shown, "copy"]), "tcp://h:2376 true [cert.pem key.pem]\n");
    user.told(&["context", "update", "copy", "--description", "new", "--docker", "host=tcp://other:1"]);
    let shown = "{{.Metadata.Description}} {{.Endpoints.docker.Host}} {{len .TLSMaterial}}";
    assert_eq!(user.told(&["context", "inspect", "-f", shown, "copy"]), "new tcp://other:1 0\n");
    user.told(&["context", "create", "third", "--from", "far"]);
    assert_eq!(user.told(&["context", "ls", "-q"]), "copy\ndefault\nfar\nthird\n");
    let offered = user.told(&["__completeNoDesc", "context", "use", "f"]);
    assert!(offered.starts_with("far\n") && !offered.contains("third"), "{offered}");
    let refused = user.run(&["context", "rm", "default", "nope", "third"]);
    assert_eq!(refused.1, "third\n");
    assert_eq!(refused.2, "context \"default\" cannot be removed\ncontext \"nope\" does not exist\n");
}
