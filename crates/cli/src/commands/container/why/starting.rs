//! Why a container has not started.

use super::diagnosis::Case;
use super::report::{Kind, Report};

/// Explains a container that has not run, or not again.
pub(super) fn explain(case: &Case<'_>, report: &mut Report) {
    let state = case.facts.state();
    let name = case.name();
    if state.error.is_empty() {
        report.summary = format!("{name} was created{} and never started.", case.ago(&case.facts.inspect.created));
        report.because(Kind::NotStarted, "Nobody has asked the engine to start it.");
        report.advise(format!("Start it: {}", case.line(&format!("start {name}"))));
        return;
    }
    report.summary = format!("{name} could not be started.");
    let (kind, meaning, advice) = judge(case, &state.error);
    if !meaning.is_empty() {
        report.because(kind, meaning);
    }
    report.because(
        if report.causes.is_empty() { kind } else { Kind::StartFailed },
        format!("The engine says: {}", state.error),
    );
    for line in advice {
        report.advise(line);
    }
}

/// What the engine's message means: the kind, a sentence or none, and what to do.
fn judge(case: &Case<'_>, error: &str) -> (Kind, String, Vec<String>) {
    if error.contains("exec: \"")
        && let Some(judged) = not_found(case, error).or_else(|| not_executed(case, error))
    {
        return judged;
    }
    surroundings(case, error)
}

/// A program that is not where the command says.
fn not_found(case: &Case<'_>, error: &str) -> Option<(Kind, String, Vec<String>)> {
    let (image, path) = (&case.facts.inspect.config.image, &case.facts.inspect.path);
    let has = |words: &str| error.contains(words);
    let spelling = "What stands after the image's name is the command: check its spelling, and that flags stand before \
                    the image.";
    let found = |meaning: String, advice: &[&str]| {
        Some((Kind::CommandNotFound, meaning, advice.iter().map(|line| (*line).to_owned()).collect()))
    };
    if has("executable file not found in $PATH") {
        let list = case.line(&format!("run --rm --entrypoint ls {image} -l /bin /usr/bin"));
        return found(
            format!("The image {image} has no program called {path:?} in its PATH that may be executed."),
            &[spelling, &format!("See which programs there are: {list}")],
        );
    }
    if !has(": stat ") {
        return None;
    }
    if has("no such file or directory") {
        return found(
            format!("{path} is not in the image {image}, or is a link to something that is not."),
            &[spelling],
        );
    }
    if has("not a directory") {
        return found(
            format!("{path} is not in the image {image}: a folder in that path is a file there."),
            &[spelling],
        );
    }
    if has("too many levels of symbolic links") {
        return found(
            format!("{path} cannot be reached: a symbolic link in that path leads back to itself."),
            &["See where the links lead: ls -l in a container of the image, with another --entrypoint. Mend it where \
               the image is made."],
        );
    }
    if has("file name too long") {
        return found(
            "The command is longer than a path may be.".to_owned(),
            &[
                "A whole command line as one word is the usual cause: give program and arguments as words of their own, \
               or run it as sh -c '…'.",
            ],
        );
    }
    None
}

/// A program that is there, but does not run.
fn not_executed(case: &Case<'_>, error: &str) -> Option<(Kind, String, Vec<String>)> {
    let (image, path) = (&case.facts.inspect.config.image, &case.facts.inspect.path);
    let has = |words: &str| error.contains(words);
    let (meaning, advice) = if has("exec format error") {
        let see = case.line(&format!("image inspect -f '{{{{.Architecture}}}}' {image}"));
        (
            format!("{path} is a program for another kind of processor, or a script without #! in its first line."),
            format!("See what the image is for: {see}"),
        )
    } else if has("is a directory") {
        (
            format!("{path} is a folder, not a program."),
            "What stands after the image's name is the command: name the program in that folder.".to_owned(),
        )
    } else if has("permission denied") {
        (
            format!(
                "{path} may not be executed: its permissions, those of a folder above it or of its interpreter do not \
                 allow that to its user."
            ),
            "In the Dockerfile: COPY --chmod=755, or RUN chmod +x. Mounted files take their permissions from the host."
                .to_owned(),
        )
    } else if ["no such file or directory", "not a directory", "too many levels"].iter().any(|words| has(words)) {
        (
            format!(
                "{path} is there, but what it needs to run is not: its interpreter (first line of a script, often with \
                 Windows line ends) or its dynamic loader (a program built against another C library)."
            ),
            "Build it statically for an image FROM scratch, or use a base image with the library it needs.".to_owned(),
        )
    } else {
        return None;
    };
    Some((Kind::CommandNotExecutable, meaning, vec![advice]))
}

/// What is around the program: ports, mounts, networks, other containers.
fn surroundings(case: &Case<'_>, error: &str) -> (Kind, String, Vec<String>) {
    let has = |words: &str| error.contains(words);
    let (meaning, advice) = if has("port is already allocated") || has("address already in use") {
        let holders = case.line("ps --format '{{.Names}}: {{.Ports}}'");
        (
            "A port that it publishes on the host is taken.",
            vec![
                format!("See who has it: {holders}; among other programs: ss -ltnp"),
                "Or publish another: -p.".to_owned(),
            ],
        )
    } else if has("Are you trying to mount a directory onto a file") {
        (
            "A file of the host is to be mounted on a folder of the image, or a folder of the host on a file of the image.",
            vec![
                "Check both paths of -v or --mount. A path of the host that was not there has been made, as a folder, by an \
                 earlier -v."
                    .to_owned(),
            ],
        )
    } else if has("bind source path does not exist") || (has("mount") && has("no such file or directory")) {
        (
            "Something that is to be mounted into it is not there.",
            vec!["Make it, or check the path of -v or --mount.".to_owned()],
        )
    } else if has("network") && has("not found") {
        (
            "A network that it is to join is not there any more.",
            vec![format!("See which there are: {}", case.line("network ls"))],
        )
    } else if has("No such container") || has("is not running") {
        ("It joins another container, which is not there or does not run.", vec!["Start that one first.".to_owned()])
    } else if has("could not select device driver") || has("CDI") {
        ("A device that it asks for is not known to the engine.", vec!["Check --gpus and --device.".to_owned()])
    } else if has("no space left on device") {
        ("The disk is full.", vec![format!("See what takes the room: {}", case.line("system df"))])
    } else {
        ("", vec![format!("When that is mended: {}", case.line(&format!("start {}", case.name())))])
    };
    (Kind::StartFailed, meaning.to_owned(), advice)
}
