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
    let inspect = &case.facts.inspect;
    let image = &inspect.config.image;
    let path = &inspect.path;
    let has = |words: &str| error.contains(words);
    if has("executable file not found in $PATH") {
        let list = case.line(&format!("run --rm --entrypoint ls {image} /bin /usr/bin"));
        return (
            Kind::CommandNotFound,
            format!("The image {image} has no program called {path:?} in its PATH."),
            vec![
                "What stands after the image's name is the command: check its spelling, and that flags stand before the \
                 image."
                    .to_owned(),
                format!("See which programs there are: {list}"),
            ],
        );
    }
    if has("no such file or directory") && has("exec") {
        return (
            Kind::CommandNotFound,
            format!(
                "{path} is not in the image {image}, or what it needs to run is not: its interpreter (first line of a \
                 script, often with Windows line ends) or its dynamic loader (a program built against another C library)."
            ),
            vec![
                "Build it statically for an image FROM scratch, or use a base image with the library it needs."
                    .to_owned(),
            ],
        );
    }
    if has("exec format error") {
        return (
            Kind::CommandNotExecutable,
            format!("{path} is a program for another kind of processor, or a script without #! in its first line."),
            vec![format!(
                "See what the image is for: {}",
                case.line(&format!("image inspect -f '{{{{.Architecture}}}}' {image}"))
            )],
        );
    }
    if has("permission denied") && has("exec") {
        return (
            Kind::CommandNotExecutable,
            format!("{path} may not be executed: its permissions, or those of a folder above it, do not allow that to its user."),
            vec!["In the Dockerfile: COPY --chmod=755, or RUN chmod +x. Mounted files take their permissions from the host.".to_owned()],
        );
    }
    surroundings(case, error)
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
