//! What keys mean.

use super::action::Action;
use super::keys::Key;
use super::model::{Mode, Model};

/// How far a page goes.
const PAGE: isize = 10;

/// What is to follow.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The model has changed, or nothing has.
    Seen,
    /// The user leaves.
    Leave,
    /// The user wants the shell back for a while.
    Suspend,
    /// Something is to be done.
    Act(Action),
}

/// Takes a key.
pub(super) fn press(model: &mut Model, key: Key) -> Outcome {
    match key {
        Key::Interrupt => return Outcome::Leave,
        Key::Suspend => return Outcome::Suspend,
        _ => {}
    }
    model.note.clear();
    let outcome = match model.mode.clone() {
        Mode::Browse => browse(model, key),
        Mode::Filter => {
            filter(model, key);
            Outcome::Seen
        }
        Mode::Help => {
            model.mode = Mode::Browse;
            if key == Key::Char('q') { Outcome::Leave } else { Outcome::Seen }
        }
        Mode::Confirm(action) => {
            model.mode = Mode::Browse;
            if matches!(key, Key::Char('y' | 'Y')) { Outcome::Act(action) } else { Outcome::Seen }
        }
    };
    model.keep_selection();
    outcome
}

fn browse(model: &mut Model, key: Key) -> Outcome {
    match key {
        Key::Char('q') => return Outcome::Leave,
        Key::Char('?' | 'h') => model.mode = Mode::Help,
        Key::Char('/') => model.mode = Mode::Filter,
        Key::Char('o') => model.sort = model.sort.next(),
        Key::Char('a') => model.all = !model.all,
        Key::Char('l') if model.has_answer => model.back_to_log(),
        Key::Char('l') => model.has_log = !model.has_log,
        Key::Char('s') => ask(model, |id, name| Action::Stop { id, name }),
        Key::Char('r') => ask(model, |id, name| Action::Restart { id, name }),
        Key::Char('e') | Key::Enter => return act(model, |id, name| Action::Exec { id, name }),
        Key::Char('w') => return act(model, |id, name| Action::Why { id, name }),
        Key::Escape if model.has_answer => model.back_to_log(),
        Key::Escape => model.filter.clear(),
        Key::Up | Key::Char('k') => model.step(-1),
        Key::Down | Key::Char('j') => model.step(1),
        Key::PageUp => model.step(-PAGE),
        Key::PageDown => model.step(PAGE),
        Key::Home | Key::Char('g') => model.step(isize::MIN),
        Key::End | Key::Char('G') => model.step(isize::MAX),
        _ => {}
    }
    Outcome::Seen
}

fn filter(model: &mut Model, key: Key) {
    match key {
        Key::Char(c) => model.filter.push(c),
        Key::Backspace => {
            model.filter.pop();
        }
        Key::Escape => {
            model.filter.clear();
            model.mode = Mode::Browse;
        }
        Key::Enter => model.mode = Mode::Browse,
        Key::Up => model.step(-1),
        Key::Down => model.step(1),
        _ => {}
    }
}

/// Something that cannot be undone is asked about first.
fn ask(model: &mut Model, action: impl FnOnce(String, String) -> Action) {
    if let Outcome::Act(action) = act(model, action) {
        model.mode = Mode::Confirm(action);
    }
}

fn act(model: &Model, action: impl FnOnce(String, String) -> Action) -> Outcome {
    match model.current() {
        Some(container) => Outcome::Act(action(container.summary.id.clone(), container.name().to_owned())),
        None => Outcome::Seen,
    }
}
