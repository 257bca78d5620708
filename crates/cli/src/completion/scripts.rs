//! The scripts that a shell reads once.

use super::Word;

/// Shells and their scripts, in which `PROGRAM` stands for the program's name.
const SCRIPTS: [(&str, &str); 3] = [
    ("bash", include_str!("scripts/completion.bash")),
    ("fish", include_str!("scripts/completion.fish")),
    ("zsh", include_str!("scripts/completion.zsh")),
];

/// The script for a shell; `None` for one that is not known.
pub(crate) fn script(shell: &str, program: &str) -> Option<String> {
    let (_, script) = SCRIPTS.iter().find(|(name, _)| *name == shell)?;
    Some(script.replace("PROGRAM", program))
}

/// The shells that there are scripts for.
pub(super) fn shells() -> Vec<Word> {
    SCRIPTS.iter().map(|(name, _)| ((*name).to_owned(), String::new())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_know_the_name_they_were_called_by() {
        let bash = script("bash", "docker").unwrap();
        assert!(bash.contains("complete -F _docker_complete docker\n") && bash.contains("${words[@]:1}"));
        for (shell, _) in SCRIPTS {
            assert!(!script(shell, "teu").unwrap().contains("PROGRAM"));
        }
        assert_eq!(script("csh", "teu"), None);
    }
}
