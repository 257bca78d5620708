//! `completion`.

use std::process::ExitCode;

use clap::Args;

use crate::app::Cli;
use crate::completion;
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Completion {
    shell: Vec<String>,
}

impl Verb for Completion {
    const SPEC: Spec = Spec {
        noun: "",
        names: &["completion"],
        top: "completion",
        about: "Print a script with which a shell completes commands, flags and names",
        usage: "SHELL",
        arguments: Arity::exactly(1),
        examples: &[
            ("For every new bash", "completion bash >/etc/bash_completion.d/teu"),
            ("For every new zsh", "completion zsh >\"${fpath[1]}/_teu\""),
        ],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let shell = self.shell.first().map(String::as_str).unwrap_or_default();
        let Some(script) = completion::script(shell, cli.program) else {
            return Err(Error::message(format!("there is no script for {shell:?}: choose bash, fish or zsh")));
        };
        cli.print(script)?;
        Ok(ExitCode::SUCCESS)
    }
}
