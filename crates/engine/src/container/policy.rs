//! Restart policies.

use std::time::Duration;

use super::state::{Exit, ExitStatus};

/// The first back-off; doubled for each restart of a run that did not last.
const FIRST: Duration = Duration::from_millis(100);
/// The longest back-off.
const LONGEST: Duration = Duration::from_mins(1);
/// A run that lasted this long starts over with the first back-off.
const LASTING: Duration = Duration::from_secs(10);

/// When a container is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    No,
    /// After a failure, at most this often; 0 is without limit.
    OnFailure(u32),
    Always,
    UnlessStopped,
}

impl Policy {
    /// The policy a request names. Anything unknown was refused at create.
    pub(crate) fn parse(name: &str, most: i64) -> Policy {
        match name {
            "always" => Policy::Always,
            "unless-stopped" => Policy::UnlessStopped,
            "on-failure" => Policy::OnFailure(u32::try_from(most).unwrap_or(0)),
            _ => Policy::No,
        }
    }

    /// Whether a container that just ended is started again.
    pub(crate) fn restarts(self, status: ExitStatus, count: u32, stopped_by_user: bool) -> bool {
        if stopped_by_user {
            return false;
        }
        match self {
            Policy::No => false,
            Policy::OnFailure(most) => status != ExitStatus::Code(0) && (most == 0 || count < most),
            Policy::Always | Policy::UnlessStopped => true,
        }
    }

    /// Whether a container that did not run when the engine came up is started.
    pub(crate) fn starts_with_engine(self, last: Option<&Exit>, count: u32, stopped_by_user: bool) -> bool {
        match self {
            // `always` forgets at engine start that a user had stopped it: Docker's one difference to `unless-stopped`.
            Policy::Always => true,
            Policy::UnlessStopped => !stopped_by_user,
            Policy::OnFailure(_) => last.is_some_and(|exit| self.restarts(exit.status, count, stopped_by_user)),
            Policy::No => false,
        }
    }
}

/// The growing pause between restarts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Backoff {
    last: Duration,
}

impl Backoff {
    /// The pause before the next start, after a run that lasted `ran`.
    pub(crate) fn next(&mut self, ran: Duration) -> Duration {
        self.last = if self.last.is_zero() || ran >= LASTING { FIRST } else { (self.last * 2).min(LONGEST) };
        self.last
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Backoff, ExitStatus, Policy};

    #[test]
    fn who_restarts() {
        let ok = ExitStatus::Code(0);
        let bad = ExitStatus::Signal(9);
        assert!(!Policy::No.restarts(bad, 0, false));
        assert!(!Policy::OnFailure(0).restarts(ok, 0, false));
        assert!(Policy::OnFailure(0).restarts(bad, 99, false));
        assert!(Policy::OnFailure(2).restarts(ExitStatus::Unknown, 1, false));
        assert!(!Policy::OnFailure(2).restarts(bad, 2, false));
        assert!(Policy::Always.restarts(ok, 7, false));
        assert!(!Policy::Always.restarts(ok, 7, true));
    }

    #[test]
    fn engine_start() {
        assert!(Policy::Always.starts_with_engine(None, 0, true));
        assert!(!Policy::UnlessStopped.starts_with_engine(None, 0, true));
        assert!(Policy::UnlessStopped.starts_with_engine(None, 0, false));
        assert!(!Policy::OnFailure(0).starts_with_engine(None, 0, false));
    }

    #[test]
    fn pauses_double_up_to_a_minute() {
        let mut b = Backoff::default();
        let short = Duration::from_secs(1);
        assert_eq!(b.next(short), Duration::from_millis(100));
        assert_eq!(b.next(short), Duration::from_millis(200));
        for _ in 0..20 {
            b.next(short);
        }
        assert_eq!(b.next(short), Duration::from_secs(60));
        assert_eq!(b.next(Duration::from_secs(11)), Duration::from_millis(100));
    }
}
