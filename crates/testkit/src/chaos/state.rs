//! The states of a container, and how requests change them.

/// What `State.Status` says, and that there is no such container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Created,
    Running,
    Paused,
    Restarting,
    Exited,
    Gone,
}

impl State {
    pub(super) const ALL: [State; 6] =
        [State::Created, State::Running, State::Paused, State::Restarting, State::Exited, State::Gone];

    pub(super) fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "created" => State::Created,
            "running" => State::Running,
            "paused" => State::Paused,
            "restarting" => State::Restarting,
            "exited" => State::Exited,
            _ => return None,
        })
    }

    pub(super) fn is_up(self) -> bool {
        matches!(self, State::Running | State::Paused)
    }
}

/// A change that a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Start,
    Stop,
    /// Signal 9.
    Kill,
    /// The program's own signal to end.
    Terminate,
    Restart,
    Pause,
    Unpause,
    Remove,
    RemoveByForce,
}

impl Change {
    pub(super) const ALL: [Change; 9] = [
        Change::Start,
        Change::Stop,
        Change::Kill,
        Change::Terminate,
        Change::Restart,
        Change::Pause,
        Change::Unpause,
        Change::Remove,
        Change::RemoveByForce,
    ];

    /// The answer and the next state, for a container in `state`.
    pub(super) fn outcome(self, state: State) -> (u16, State) {
        use State::{Created, Exited, Gone, Paused, Restarting, Running};
        match (self, state) {
            (_, Gone) => (404, Gone),
            (Change::Start | Change::Restart, Created | Exited | Restarting)
            | (Change::Restart, Running | Paused)
            | (Change::Unpause, Paused) => (204, Running),
            (Change::Start, Running) => (304, Running),
            (Change::Start, Paused) => (409, Paused),
            (Change::Stop, Running | Paused | Restarting) | (Change::Kill, Running | Paused) => (204, Exited),
            (Change::Stop, same) => (304, same),
            // It ends a little later, and is thawed for that.
            (Change::Terminate, Running | Paused) => (204, Running),
            (Change::Pause, Running) => (204, Paused),
            (Change::Remove, Created | Exited) | (Change::RemoveByForce, _) => (204, Gone),
            (Change::Kill | Change::Terminate | Change::Pause | Change::Unpause | Change::Remove, same) => (409, same),
        }
    }

    pub(super) fn ends_run(self) -> bool {
        matches!(self, Change::Stop | Change::Kill | Change::Terminate | Change::Restart | Change::RemoveByForce)
    }

    /// It has several steps, or acts a little later: the other finds the container in any state.
    pub(super) fn has_steps(self) -> bool {
        matches!(self, Change::Stop | Change::Restart | Change::RemoveByForce | Change::Kill | Change::Terminate)
    }
}
