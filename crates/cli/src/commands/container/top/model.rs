//! What there is, and what of it is to be seen. Knows neither engine nor terminal.

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};

use teu_api::container::{Stats, Summary};

use super::feed::Update;
use super::project::{self, Line};
use crate::format::stats as usage;

/// Lines of the log that are kept.
const LINES: usize = 1000;

/// What a container uses now.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Use {
    /// Processor time in percent of one processor.
    pub(super) cpu: f64,
    /// Memory without cache, in bytes.
    pub(super) memory: u64,
    /// The most that it may be, or what the machine has.
    pub(super) limit: u64,
    /// Bytes a second: received, sent, read, written.
    pub(super) rates: [f64; 4],
    pub(super) pids: u64,
}

impl Use {
    /// Two together. The limit of both says nothing.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            cpu: self.cpu + other.cpu,
            memory: self.memory + other.memory,
            limit: 0,
            rates: std::array::from_fn(|index| self.rates[index] + other.rates[index]),
            pids: self.pids + other.pids,
        }
    }
}

/// Whose log is looked at. It is opened again when the container starts again or ends: the old one has an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) id: String,
    pub(super) is_up: bool,
}

/// A container.
#[derive(Debug, Clone)]
pub(super) struct Container {
    pub(super) summary: Summary,
    pub(super) used: Option<Use>,
    /// When the last sample was taken, in seconds, and what was moved until then.
    before: Option<(f64, [u64; 4])>,
}

impl Container {
    fn new(summary: Summary) -> Self {
        Self { summary, used: None, before: None }
    }

    /// The first name without its slash.
    pub(super) fn name(&self) -> &str {
        self.summary.names.first().map_or(self.summary.id.as_str(), |name| name.trim_start_matches('/'))
    }

    /// The project that Compose made it for, or none.
    pub(super) fn project(&self) -> &str {
        self.summary.labels.get(project::LABEL).map_or("", String::as_str)
    }

    fn subject(&self) -> Subject {
        Subject { id: self.summary.id.clone(), is_up: self.is_up() }
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.summary.state.as_str(), "running" | "paused" | "restarting")
    }

    /// The state, with the code of its end: `exited (137)`.
    pub(super) fn state(&self) -> String {
        let code = self.summary.status.strip_prefix("Exited (").and_then(|rest| rest.split(')').next());
        match code {
            Some(code) if self.summary.state == "exited" => format!("exited ({code})"),
            _ => self.summary.state.clone(),
        }
    }

    /// What its health check says, as the list tells it in words.
    pub(super) fn health(&self) -> &'static str {
        let says = |words: &str| self.summary.status.ends_with(words);
        match () {
            () if says("(healthy)") => "healthy",
            () if says("(unhealthy)") => "unhealthy",
            () if says("(health: starting)") => "starting",
            () => "",
        }
    }

    /// Bytes moved so far: received, sent, read, written.
    pub(super) fn moved(&self) -> [u64; 4] {
        self.before.map_or([0; 4], |(_, moved)| moved)
    }

    fn take(&mut self, sample: &Stats) {
        let now = sample.read.parse::<jiff::Timestamp>().map_or(0.0, |time| time.as_duration().as_secs_f64());
        let moved = usage::moved(sample);
        let rates = self.before.map_or([0.0; 4], |(then, before)| rates(&before, &moved, now - then));
        self.before = Some((now, moved));
        let memory = &sample.memory_stats;
        self.used = Some(Use {
            cpu: usage::cpu_percent(sample),
            memory: memory.without_cache(),
            limit: memory.limit,
            rates,
            pids: sample.pids_stats.current,
        });
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few digits are shown")]
fn rates(before: &[u64; 4], now: &[u64; 4], seconds: f64) -> [f64; 4] {
    std::array::from_fn(
        |index| {
            if seconds > 0.0 { now[index].saturating_sub(before[index]) as f64 / seconds } else { 0.0 }
        },
    )
}

/// What containers are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Name,
    Cpu,
    Memory,
    Network,
    Block,
}

impl Sort {
    /// The next, and the first after the last.
    pub(super) fn next(self) -> Self {
        match self {
            Self::Name => Self::Cpu,
            Self::Cpu => Self::Memory,
            Self::Memory => Self::Network,
            Self::Network => Self::Block,
            Self::Block => Self::Name,
        }
    }

    /// Its name.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Network => "network",
            Self::Block => "block i/o",
        }
    }

    /// The largest first; by name, the first first.
    pub(super) fn compare(self, one: (&str, Use), other: (&str, Use)) -> Ordering {
        let by = |value: fn(&Use) -> f64| value(&other.1).total_cmp(&value(&one.1));
        #[expect(clippy::cast_precision_loss, reason = "it is only compared")]
        let order = match self {
            Self::Name => Ordering::Equal,
            Self::Cpu => by(|used| used.cpu),
            Self::Memory => by(|used| used.memory as f64),
            Self::Network => by(|used| used.rates[0] + used.rates[1]),
            Self::Block => by(|used| used.rates[2] + used.rates[3]),
        };
        order.then_with(|| one.0.cmp(other.0))
    }
}

/// What the keys are for at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    /// Commands.
    Browse,
    /// A text that containers are looked for by.
    Filter,
    /// Yes or no.
    Confirm(super::action::Action),
    /// The page about keys.
    Help,
}

/// All that is shown.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) containers: BTreeMap<String, Container>,
    pub(super) sort: Sort,
    /// Only containers that this is part of: in name, image or project.
    pub(super) filter: String,
    /// Containers that do not run, too.
    pub(super) all: bool,
    /// The pane with the log.
    pub(super) has_log: bool,
    pub(super) mode: Mode,
    /// The container at hand.
    pub(super) selected: Option<String>,
    /// The first line of the table that is seen.
    pub(super) offset: usize,
    /// The last lines of the log of the container at hand, or what was asked about it.
    pub(super) lines: VecDeque<String>,
    /// Whose they are.
    pub(super) lines_of: Option<Subject>,
    /// They answer a question: the log is not to be mixed in.
    pub(super) has_answer: bool,
    /// Something to tell.
    pub(super) note: String,
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            containers: BTreeMap::new(),
            sort: Sort::Name,
            filter: String::new(),
            all: true,
            has_log: true,
            mode: Mode::Browse,
            selected: None,
            offset: 0,
            lines: VecDeque::new(),
            lines_of: None,
            has_answer: false,
            note: String::new(),
        }
    }

    /// Takes in what has changed.
    pub(super) fn take(&mut self, update: Update) {
        match update {
            Update::All(all) => {
                let known = std::mem::take(&mut self.containers);
                self.containers =
                    all.into_iter().map(|summary| (summary.id.clone(), Container::new(summary))).collect();
                for (id, before) in known {
                    if let Some(container) = self.containers.get_mut(&id) {
                        (container.used, container.before) = (before.used, before.before);
                    }
                }
            }
            Update::These(ids, found) => {
                self.containers.retain(|id, _| !ids.contains(id) || found.iter().any(|summary| summary.id == *id));
                for summary in found {
                    self.enter(summary);
                }
            }
            Update::Sample(id, sample) => {
                // One that was under way when the container ended is of no use.
                if let Some(container) = self.containers.get_mut(&id).filter(|one| one.summary.state == "running") {
                    container.take(&sample);
                }
            }
            Update::Lines(subject, lines) if self.lines_of.as_ref() == Some(&subject) && !self.has_answer => {
                self.lines.extend(lines);
                let surplus = self.lines.len().saturating_sub(LINES);
                self.lines.drain(..surplus);
            }
            Update::Lines(..) => {}
            Update::Note(note) => self.note = note,
        }
        self.keep_selection();
    }

    fn enter(&mut self, summary: Summary) {
        let container = self.containers.entry(summary.id.clone()).or_insert_with(|| Container::new(summary.clone()));
        if summary.state != "running" {
            (container.used, container.before) = (None, None);
        }
        container.summary = summary;
    }

    /// The lines of the table.
    pub(super) fn table(&self) -> Vec<Line> {
        project::lines(self)
    }

    /// Whether a container is to be seen.
    pub(super) fn shows(&self, container: &Container) -> bool {
        let wanted = self.filter.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        (self.all || container.is_up())
            && (has(container.name()) || has(&container.summary.image) || has(container.project()))
    }

    /// The container at hand.
    pub(super) fn current(&self) -> Option<&Container> {
        self.containers.get(self.selected.as_ref()?)
    }

    /// The container whose log is to be followed.
    pub(super) fn subject(&mut self) -> Option<&Subject> {
        let wanted = self.current().filter(|_| self.has_log).map(Container::subject);
        let is_same = match (&self.lines_of, &wanted) {
            // What was answered about a container stays, whatever becomes of it.
            (Some(asked), Some(wanted)) if self.has_answer => asked.id == wanted.id,
            (before, wanted) => before == wanted,
        };
        if !is_same {
            self.lines.clear();
            self.has_answer = false;
            self.lines_of = wanted;
        }
        // The log comes again after an answer was looked at.
        self.lines_of.as_ref().filter(|_| !self.has_answer)
    }

    /// Shows an answer in place of the log.
    pub(super) fn answer(&mut self, lines: impl Iterator<Item = String>) {
        self.has_log = true;
        self.lines_of = self.current().map(Container::subject);
        self.lines = lines.collect();
        self.has_answer = true;
    }

    /// Shows the log again.
    pub(super) fn back_to_log(&mut self) {
        self.lines_of = None;
    }

    /// Goes to another container, so many further down.
    pub(super) fn step(&mut self, by: isize) {
        let ids: Vec<String> = self.table().iter().filter_map(Line::id).map(str::to_owned).collect();
        let at = self.selected.as_ref().and_then(|id| ids.iter().position(|one| one == id)).unwrap_or(0);
        let last = ids.len().saturating_sub(1);
        self.selected = ids.get(at.saturating_add_signed(by).min(last)).cloned();
    }

    /// One that is to be seen stays at hand as long as there is one.
    pub(super) fn keep_selection(&mut self) {
        let table = self.table();
        let mut ids = table.iter().filter_map(Line::id);
        if self.selected.is_none() || !ids.any(|id| Some(id) == self.selected.as_deref()) {
            self.selected = table.iter().find_map(Line::id).map(str::to_owned);
        }
    }
}
