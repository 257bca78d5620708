//! `login`.

use std::io::{BufRead, Read};
use std::process::ExitCode;

use clap::Args;
use teu_api::auth::AuthConfig;

use super::server;
use crate::app::{Cli, write_out};
use crate::config::auth;
use crate::error::Error;
use crate::terminal;
use crate::terminal::raw::{INTERRUPT, silent};
use crate::verb::{Arity, Spec, Verb};

const INSECURE: &str = "WARNING! Using --password via the CLI is insecure. Use --password-stdin.";
/// Exit code of a program that was interrupted.
const INTERRUPTED: u8 = 130;
const NO_TERMINAL: &str = "Error: Cannot perform an interactive login from a non TTY device";

#[derive(Debug, Args)]
pub(crate) struct Login {
    /// Password or Personal Access Token (PAT)
    #[arg(short, long, value_name = "string")]
    password: Option<String>,
    /// Take the Password or Personal Access Token (PAT) from stdin
    #[arg(long)]
    password_stdin: bool,
    /// Username
    #[arg(short, long, value_name = "string")]
    username: Option<String>,
    server: Vec<String>,
}

impl Verb for Login {
    const SPEC: Spec = Spec {
        noun: "",
        names: &["login"],
        top: "login",
        about: "Authenticate to a registry",
        usage: "[OPTIONS] [SERVER]",
        arguments: Arity::between(0, 1),
        examples: &[("With a password that nobody sees", "login -u me --password-stdin r.example:5000 < token")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let server = server(self.server.first());
        let (credentials, known) = self.credentials(cli, &server)?;
        let answer = cli.client()?.auth(&credentials).await?;
        let credentials = match answer.identity_token {
            token if token.is_empty() => credentials,
            identity_token => AuthConfig { password: String::new(), identity_token, ..credentials },
        };
        if !known {
            self.save(cli, &server, &credentials)?;
        }
        cli.say(answer.status)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Login {
    /// What to log in with, and whether it was kept already.
    fn credentials(&self, cli: &Cli, server: &str) -> Result<(AuthConfig, bool), Error> {
        let stdin = self.password_stdin;
        if stdin && self.password.is_some() {
            return Err(Error::message("conflicting options: cannot specify both --password and --password-stdin"));
        }
        if stdin && self.username.as_ref().is_none_or(String::is_empty) {
            return Err(Error::message("the --password-stdin option requires --username to be set"));
        }
        for (value, name) in [(&self.username, "username"), (&self.password, "password")] {
            if value.as_ref().is_some_and(String::is_empty) {
                return Err(Error::message(format!("{name} is empty")));
            }
        }
        if self.password.is_some() {
            cli.warn(INSECURE);
        }
        if self.username.is_none()
            && self.password.is_none()
            && let Some(kept) = auth::of_registry(cli.config(), server)?
        {
            cli.warn(format!("Authenticating with existing credentials... [Username: {}]\n", kept.username));
            let program = cli.program;
            cli.warn(format!(
                " Info -> To login with a different account, run '{program} logout' followed by '{program} login'\n\n"
            ));
            return Ok((kept, true));
        }
        let username = match &self.username {
            Some(name) => name.clone(),
            None => ask("Username: ", false)?,
        };
        let password = match &self.password {
            Some(password) => password.clone(),
            None if stdin => piped()?,
            None => ask("Password: ", true)?,
        };
        let server_address = server.to_owned();
        Ok((AuthConfig { username, password, server_address, ..AuthConfig::default() }, false))
    }

    fn save(&self, cli: &Cli, server: &str, credentials: &AuthConfig) -> Result<(), Error> {
        let had = cli.config().auths.contains_key(server);
        let flag = cli.globals.config.as_deref();
        let file = auth::save(cli.config(), flag, server, credentials)
            .map_err(|error| Error::message(format!("Error saving credentials: {error:#}")))?;
        if let Some(file) = file.filter(|_| !had) {
            cli.warn(format!(
                "\nWARNING! Your credentials are stored unencrypted in '{}'.\n\
                 Configure a credential helper to remove this warning. See\n\
                 https://docs.docker.com/go/credential-store/\n",
                file.display()
            ));
        }
        Ok(())
    }
}

/// A password on standard input, without the end of its line.
fn piped() -> Result<String, Error> {
    let mut text = String::new();
    std::io::stdin().lock().read_to_string(&mut text)?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(Error::message(NO_TERMINAL)),
        password => Ok(password.to_owned()),
    }
}

/// Asks at the terminal; a secret does not appear on it.
fn ask(question: &str, secret: bool) -> Result<String, Error> {
    if !terminal::is_stdin() {
        return Err(Error::message(NO_TERMINAL));
    }
    write_out(question.as_bytes())?;
    let mut line = String::new();
    if secret {
        silent(|| std::io::stdin().lock().read_line(&mut line))??;
        write_out(b"\n")?;
    } else {
        std::io::stdin().lock().read_line(&mut line)?;
    }
    if line.contains(INTERRUPT) {
        return Err(Error::Exit(INTERRUPTED));
    }
    match line.trim_end_matches(['\r', '\n']) {
        "" => Err(Error::message(format!("{} is empty", if secret { "password" } else { "username" }))),
        answer => Ok(answer.to_owned()),
    }
}
