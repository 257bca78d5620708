//! Long flags with one dash, as command lines of 2013 and 2014 have them: `run -rm -name=web`.
//!
//! The rule: a word with one dash is read as a flag of 2014 if, up to its `=`, it is the whole of a name that Docker's client
//! took in that way then, for the command at hand ([`NAMES`]). Every other word is a group of letters, as ever: `-it`, `-dit`,
//! `-eA=1`. Values of flags, and what follows the image or `--`, are left alone.
//!
//! Some of these names are groups of letters to Docker of today, which nobody means: `-link` would be the label "ink",
//! `-format` of `inspect` the format "ormat".

use clap::{Arg, Command};

use crate::flags::awaits_value;

/// For each command, by its name without noun, the flags that could have one dash, as in Docker 0.6 to 1.3, where that
/// client's usage still told of them. Two names: the old one, and what it is called now.
const NAMES: [(&str, &[(&str, &str)]); 12] = [
    ("attach", &[same("no-stdin"), ("nostdin", "no-stdin"), same("sig-proxy")]),
    ("commit", &[same("author")]),
    ("create", CONTAINER),
    ("events", &[same("since")]),
    ("history", &[("notrunc", "no-trunc")]),
    ("images", &[("notrunc", "no-trunc")]),
    ("inspect", &[same("format")]),
    ("kill", &[same("signal")]),
    ("ps", &[("notrunc", "no-trunc")]),
    ("rm", &[same("link")]),
    ("run", CONTAINER),
    ("run", &[same("sig-proxy")]),
];

/// Those about a new container.
const CONTAINER: &[(&str, &str)] = &[
    same("cidfile"),
    same("dns"),
    same("entrypoint"),
    same("expose"),
    same("link"),
    same("name"),
    same("privileged"),
    same("rm"),
    same("volumes-from"),
];

const fn same(name: &'static str) -> (&'static str, &'static str) {
    (name, name)
}

/// The words of a command line in today's spelling. `command` is the command's name without noun.
pub(crate) fn of_today(command: &str, parser: &Command, words: &[String]) -> Vec<String> {
    let names: Vec<_> = NAMES.iter().filter(|(name, _)| *name == command).flat_map(|(_, names)| *names).collect();
    if names.is_empty() {
        return words.to_vec();
    }
    let ends_flags = parser.get_positionals().any(Arg::is_trailing_var_arg_set);
    let mut all = Vec::with_capacity(words.len());
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let is_flag = word.len() > 1 && word.starts_with('-');
        if word == "--" || (!is_flag && ends_flags) {
            all.push(word.clone());
            break;
        }
        let word = of_2014(&names, word).unwrap_or_else(|| word.clone());
        let takes_next = is_flag && awaits_value(parser, &word).is_some();
        all.push(word);
        if takes_next {
            all.extend(rest.next().cloned());
        }
    }
    all.extend(rest.cloned());
    all
}

/// `--name=web` for `-name=web`.
fn of_2014(names: &[&(&str, &str)], word: &str) -> Option<String> {
    let bare = word.strip_prefix('-').filter(|bare| !bare.starts_with('-'))?;
    let end = bare.find('=').unwrap_or(bare.len());
    let (_, now) = names.iter().find(|(old, _)| *old == &bare[..end])?;
    Some(format!("--{now}{}", &bare[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands;
    use crate::flags;

    fn today(line: &str) -> String {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let command = commands::top(&words[0]).unwrap();
        let parser = flags::adapt((command.parser)());
        format!("{} {}", words[0], of_today(&words[0], &parser, &words[1..]).join(" "))
    }

    #[test]
    fn command_lines_of_2014() {
        let cases = [
            ("run -name web busybox", "run --name web busybox"),
            ("run -name=web busybox", "run --name=web busybox"),
            ("run -rm -i -t busybox", "run --rm -i -t busybox"),
            ("run -rm=true -d=false busybox", "run --rm=true -d=false busybox"),
            ("run -link db:db -volumes-from data busybox", "run --link db:db --volumes-from data busybox"),
            ("run -dns 1.1.1.1 -expose 80 -entrypoint sh x", "run --dns 1.1.1.1 --expose 80 --entrypoint sh x"),
            ("run -privileged -sig-proxy=false -cidfile f x", "run --privileged --sig-proxy=false --cidfile f x"),
            ("create -name web busybox", "create --name web busybox"),
            ("ps -a -notrunc", "ps -a --no-trunc"),
            ("inspect -format {{.Id}} web", "inspect --format {{.Id}} web"),
            ("commit -author=me web web:1", "commit --author=me web web:1"),
            ("kill -signal HUP web", "kill --signal HUP web"),
            ("attach -nostdin web", "attach --no-stdin web"),
            ("rm web -link", "rm web --link"),
            ("events -since 10m", "events --since 10m"),
        ];
        for (then, now) in cases {
            assert_eq!(today(then), now);
        }
    }

    #[test]
    fn what_stays_as_it_is() {
        let lines = [
            // Groups of letters, glued values.
            "run -it busybox",
            "run -dit busybox",
            "run -itrm busybox",
            "run -lin busybox",
            "run -eA=1 -p80:80 -v/a:/b busybox",
            "run -linked busybox",
            // Values.
            "run -e -name busybox",
            "run --name -rm busybox",
            "run -l -link busybox",
            "run -dl -link busybox",
            // After the image, or after the flags.
            "run busybox find / -name x -link",
            "run -- -name",
            "exec web find -name x",
            // Other commands.
            "stop -name web",
            "ps -name",
            "run - -name",
        ];
        for line in lines {
            assert_eq!(today(line), line);
        }
    }

    #[test]
    fn every_name_is_a_flag_of_its_command() {
        for (name, names) in NAMES {
            let command = commands::top(name).unwrap();
            let parser = (command.parser)();
            for (old, now) in names {
                assert!(parser.get_arguments().any(|arg| arg.get_long() == Some(now)), "{name} -{old}");
            }
        }
    }
}
