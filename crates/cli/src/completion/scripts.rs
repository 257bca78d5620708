//! The scripts that a shell reads once.

use super::Word;

/// Shells and their scripts, in which `@` stands for the program's name.
const SCRIPTS: [(&str, &str); 3] = [
    ("bash", include_str!("scripts/completion.bash")),
    ("fish", include_str!("scripts/completion.fish")),
    ("zsh", include_str!("scripts/completion.zsh")),
];

/// The script for a shell; `None` for one that is not known.
pub(crate) fn script(shell: &str, program: &str) -> Option<String> {
    let (_, script) = SCRIPTS.iter().find(|(name, _)| *name == shell)?;
    Some(script.replace('@', program))
}

/// The shells that there are scripts for.
pub(super) fn shells() -> Vec<Word> {
    SCRIPTS.iter().map(|(name, _)| ((*name).to_owned(), String::new())).collect()
}
