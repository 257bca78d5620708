//! What is told: as sentences for people, as JSON for programs.

use std::fmt::Write;

use serde::Serialize;

use crate::help;

/// What kind of cause it is, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// Nothing is wrong.
    Fine,
    /// It was never started.
    NotStarted,
    /// The engine could not start it.
    StartFailed,
    /// The program that it should run cannot be found.
    CommandNotFound,
    /// The program that it should run cannot be executed.
    CommandNotExecutable,
    /// It needed more memory than it may use.
    OutOfMemory,
    /// Somebody stopped, restarted, killed or removed it.
    Asked,
    /// It did not end when asked to, and was killed.
    StopIgnored,
    /// The engine ended it because it was unhealthy.
    ActionWhenUnhealthy,
    /// A signal ended it that the engine did not send.
    Signal,
    /// It crashed.
    Crash,
    /// Its program ended with an error.
    Error,
    /// Its program ended, without an error.
    Done,
    /// Nobody saw how it ended.
    Unknown,
    /// Its health check fails.
    Unhealthy,
    /// It is frozen.
    Paused,
    /// Its restart policy starts it again and again, or has given up.
    RestartPolicy,
    /// It is about to reach a limit, or is held back by one.
    Pressure,
    /// What its last lines say.
    LastLines,
    /// What happened before this run.
    Earlier,
    /// Its removal was interrupted.
    RemovalFailed,
}

/// A cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Cause {
    pub(super) kind: Kind,
    /// In a sentence or two.
    pub(super) text: String,
}

/// A step that the engine tells of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Step {
    /// RFC 3339.
    pub(super) time: String,
    /// The event.
    pub(super) action: String,
    /// What it says beyond the container's own attributes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) detail: String,
}

/// All that is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Report {
    #[serde(rename = "ID")]
    pub(super) id: String,
    pub(super) name: String,
    pub(super) image: String,
    /// `running`, `exited`, …; `gone` for one of which only events are left.
    pub(super) status: String,
    /// The code of the last end; none if it has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exit_code: Option<i64>,
    /// The signal that the code stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) signal: Option<String>,
    pub(super) restart_count: i64,
    /// What is, in a sentence.
    pub(super) summary: String,
    /// Why it is so, the most likely first.
    pub(super) causes: Vec<Cause>,
    /// What to do next.
    pub(super) advice: Vec<String>,
    /// The newest events, oldest first.
    pub(super) events: Vec<Step>,
    /// The last lines of its log.
    pub(super) last_lines: Vec<String>,
}

impl Report {
    /// Adds a cause that is less likely than those before.
    pub(super) fn because(&mut self, kind: Kind, text: impl Into<String>) {
        self.causes.push(Cause { kind, text: text.into() });
    }

    /// Adds what to do, unless that is said already or nothing.
    pub(super) fn advise(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !text.is_empty() && !self.advice.contains(&text) {
            self.advice.push(text);
        }
    }

    /// The report for people.
    pub(super) fn sentences(&self, width: usize) -> String {
        let mut out = help::wrap(&self.summary, width).join("\n") + "\n";
        let causes: Vec<&str> = self.causes.iter().map(|cause| cause.text.as_str()).collect();
        section(&mut out, "Why", &causes, width);
        section(&mut out, "What to do", &self.advice.iter().map(String::as_str).collect::<Vec<_>>(), width);
        if !self.last_lines.is_empty() {
            out.push_str("\nLast lines\n");
            for line in &self.last_lines {
                // Writing to a string cannot fail.
                let _ = writeln!(out, "  | {line}");
            }
        }
        out
    }
}

fn section(out: &mut String, title: &str, paragraphs: &[&str], width: usize) {
    if paragraphs.is_empty() {
        return;
    }
    let _ = write!(out, "\n{title}\n");
    for paragraph in paragraphs {
        for (index, line) in help::wrap(paragraph, width.saturating_sub(4).max(20)).iter().enumerate() {
            let mark = if index == 0 { "- " } else { "  " };
            let _ = writeln!(out, "  {mark}{line}");
        }
    }
}
