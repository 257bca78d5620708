//! Words that are nearly right.

use crate::engine::{outcome, program};

#[test]
fn commands_that_are_meant() {
    for (typed, meant) in
        [(&["imagse"][..], "teu images"), (&["rnu"], "teu run"), (&["container", "strat"], "teu container start")]
    {
        let (code, _, err) = outcome(program(typed).output().unwrap());
        assert_eq!(code, 1);
        assert!(err.contains(&format!("Did you mean '{meant}'?")), "{typed:?}: {err}");
    }
}

#[test]
fn nothing_is_suggested_for_something_else() {
    let (_, _, err) = outcome(program(&["xyzzy"]).output().unwrap());
    assert!(!err.contains("Did you mean"), "{err}");
}
