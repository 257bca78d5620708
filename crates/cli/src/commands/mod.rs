//! The commands: one file each, `<noun>/<verb>.rs`, and the table of them all.

mod container;
mod context;
mod each;
pub(crate) mod image;
mod inspect;
mod network;
mod prune;
mod registry;
mod system;
mod volume;

use crate::verb::Command;

/// A group of commands.
pub(crate) struct Noun {
    /// Its name.
    pub(crate) name: &'static str,
    /// One line about it.
    pub(crate) about: &'static str,
    /// Docker's verbs that are not built yet.
    pub(crate) later: &'static [&'static str],
}

/// All groups.
pub(crate) static NOUNS: [Noun; 6] = [
    Noun { name: "container", about: "Manage containers", later: &[] },
    Noun { name: "context", about: "Manage contexts", later: &[] },
    Noun { name: "image", about: "Manage images", later: &["build", "push"] },
    Noun { name: "network", about: "Manage networks", later: &[] },
    Noun { name: "system", about: "Manage the engine", later: &[] },
    Noun { name: "volume", about: "Manage volumes", later: &["update"] },
];

/// Docker's commands that are not built yet.
pub(crate) const LATER: [&str; 18] = [
    "build",
    "builder",
    "buildx",
    "checkpoint",
    "compose",
    "config",
    "manifest",
    "node",
    "plugin",
    "push",
    "search",
    "secret",
    "service",
    "stack",
    "swarm",
    "trust",
    "scan",
    "scout",
];

/// All commands.
pub(crate) static ALL: [Command; 68] = [
    Command::of::<container::attach::Attach>(),
    Command::of::<container::commit::Commit>(),
    Command::of::<container::cp::Copy>(),
    Command::of::<container::create::Create>(),
    Command::of::<container::debug::Debug>(),
    Command::of::<container::diff::Diff>(),
    Command::of::<container::exec::Exec>(),
    Command::of::<container::export::Export>(),
    Command::of::<container::inspect::Inspect>(),
    Command::of::<container::kill::Kill>(),
    Command::of::<container::logs::Logs>(),
    Command::of::<container::ls::List>(),
    Command::of::<container::pause::Pause>(),
    Command::of::<container::port::Port>(),
    Command::of::<container::prune::Prune>(),
    Command::of::<container::rename::Rename>(),
    Command::of::<container::restart::Restart>(),
    Command::of::<container::rm::Remove>(),
    Command::of::<container::run::Run>(),
    Command::of::<container::start::Start>(),
    Command::of::<container::stats::Stats>(),
    Command::of::<container::stop::Stop>(),
    Command::of::<container::top::Top>(),
    Command::of::<container::unpause::Unpause>(),
    Command::of::<container::update::Update>(),
    Command::of::<container::wait::Wait>(),
    Command::of::<container::why::Why>(),
    Command::of::<context::create::Create>(),
    Command::of::<context::export::Export>(),
    Command::of::<context::import::Import>(),
    Command::of::<context::inspect::Inspect>(),
    Command::of::<context::ls::List>(),
    Command::of::<context::rm::Remove>(),
    Command::of::<context::show::Show>(),
    Command::of::<context::update::Update>(),
    Command::of::<context::use_::Use>(),
    Command::of::<image::history::History>(),
    Command::of::<image::import::Import>(),
    Command::of::<image::inspect::Inspect>(),
    Command::of::<image::load::Load>(),
    Command::of::<image::ls::List>(),
    Command::of::<image::prune::Prune>(),
    Command::of::<image::pull::Pull>(),
    Command::of::<image::rm::Remove>(),
    Command::of::<image::save::Save>(),
    Command::of::<image::tag::Tag>(),
    Command::of::<inspect::Inspect>(),
    Command::of::<network::connect::Connect>(),
    Command::of::<network::create::Create>(),
    Command::of::<network::disconnect::Disconnect>(),
    Command::of::<network::inspect::Inspect>(),
    Command::of::<network::ls::List>(),
    Command::of::<network::prune::Prune>(),
    Command::of::<network::rm::Remove>(),
    Command::of::<registry::login::Login>(),
    Command::of::<registry::logout::Logout>(),
    Command::of::<system::completion::Completion>(),
    Command::of::<system::df::DiskUsage>(),
    Command::of::<system::dial_stdio::DialStdio>(),
    Command::of::<system::events::Events>(),
    Command::of::<system::info::Info>(),
    Command::of::<system::prune::Prune>(),
    Command::of::<system::version::Version>(),
    Command::of::<volume::create::Create>(),
    Command::of::<volume::inspect::Inspect>(),
    Command::of::<volume::ls::List>(),
    Command::of::<volume::prune::Prune>(),
    Command::of::<volume::rm::Remove>(),
];

/// The command of this name without noun.
pub(crate) fn top(name: &str) -> Option<&'static Command> {
    ALL.iter().find(|command| command.spec.top == name && !name.is_empty())
}

/// The commands below a noun.
pub(crate) fn of_noun(noun: &str) -> impl Iterator<Item = &'static Command> {
    ALL.iter().filter(move |command| command.spec.noun == noun)
}

/// The command below a noun by any of its names.
pub(crate) fn find(noun: &str, verb: &str) -> Option<&'static Command> {
    of_noun(noun).find(|command| command.spec.names.contains(&verb))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<String> = ALL
            .iter()
            .flat_map(|command| {
                let spec = command.spec;
                let below =
                    spec.names.iter().filter(|_| !spec.noun.is_empty()).map(|name| format!("{} {name}", spec.noun));
                below.chain((!spec.top.is_empty()).then(|| spec.top.to_owned())).collect::<Vec<_>>()
            })
            .collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn every_parser_can_be_built_and_every_flag_is_explained() {
        for command in &ALL {
            let mut parser = flags::adapt((command.parser)());
            parser.build();
            for arg in parser.get_arguments().filter(|arg| !arg.is_positional() && !arg.is_hide_set()) {
                assert!(arg.get_help().is_some(), "{}: {:?}", command.spec.about, arg.get_id());
            }
        }
    }
}
