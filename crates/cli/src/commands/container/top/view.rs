//! Draws the model.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line as Text, Span};
use ratatui::widgets::{Block, Borders, Cell, Clear, Paragraph, Row, Table};

use super::model::{Container, Mode, Model, Use};
use super::project::Line;
use crate::format::units::{binary_size, human_size};

/// Lines of the screen from which on there is room for the log.
const ROOM_FOR_LOG: u16 = 14;
/// The columns: heads and widths. The name takes the rest.
static COLUMNS: [(&str, Constraint); 8] = [
    ("NAME", Constraint::Min(16)),
    ("STATE", Constraint::Length(14)),
    ("HEALTH", Constraint::Length(10)),
    ("CPU %", Constraint::Length(7)),
    ("MEMORY", Constraint::Length(20)),
    ("NET IN/OUT", Constraint::Length(19)),
    ("BLOCK R/W", Constraint::Length(19)),
    ("PIDS", Constraint::Length(5)),
];
/// What keys do, for the last line of the screen.
const KEYS: &str = "s stop  r restart  e shell  w why  l log  / filter  o sort  a all  ? help  q quit";
/// The page about keys.
const HELP: [(&str, &str); 12] = [
    ("↑ ↓  k j", "another container; PgUp, PgDn, Home, End"),
    ("s", "stop it"),
    ("r", "restart it"),
    ("e  Enter", "a shell in it; tools are brought along if it has none"),
    ("w", "why it ended, or what is wrong with it"),
    ("l", "show or hide its log"),
    ("/", "look for containers by name, image or project; Esc for all"),
    ("o", "sort by name, cpu, memory, network, block i/o"),
    ("a", "show or hide what does not run"),
    ("?  h", "this page"),
    ("Ctrl-Z", "back to the shell for a while (fg returns)"),
    ("q  Ctrl-C", "leave"),
];

/// Draws all of it.
pub(super) fn draw(model: &mut Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    let log = if model.has_log && area.height >= ROOM_FOR_LOG { area.height * 2 / 5 } else { 0 };
    let parts = [Constraint::Length(1), Constraint::Min(3), Constraint::Length(log), Constraint::Length(1)];
    let [head, table, pane, foot] = Layout::vertical(parts).areas(area);
    frame.render_widget(Paragraph::new(summary(model)), head);
    list(model, frame, table);
    if log > 0 {
        lines(model, frame, pane);
    }
    frame.render_widget(Paragraph::new(footer(model)), foot);
    if model.mode == Mode::Help {
        help(frame, area);
    }
}

/// Colours only where they are wanted: <https://no-color.org>.
fn colour(colour: Color) -> Style {
    static PLAIN: std::sync::LazyLock<bool> =
        std::sync::LazyLock::new(|| std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()));
    if *PLAIN { Style::new() } else { Style::new().fg(colour) }
}

fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

fn summary(model: &Model) -> Text<'static> {
    let all = &model.containers;
    let up = all.values().filter(|one| one.is_up()).count();
    let used = all.values().filter_map(|one| one.used).fold(Use::default(), Use::and);
    let mut text = format!(
        "{} containers, {up} up   cpu {:.1}%   memory {}   sorted by {}",
        all.len(),
        used.cpu,
        bytes(used.memory),
        model.sort.word()
    );
    if !model.filter.is_empty() {
        text += &format!("   with \"{}\"", model.filter);
    }
    if !model.all {
        text += "   only what runs";
    }
    Text::from(vec![Span::styled("teu top  ", bold()), Span::raw(text)])
}

fn list(model: &mut Model, frame: &mut Frame<'_>, area: Rect) {
    let lines = model.table();
    let height = usize::from(area.height.saturating_sub(1));
    let at = lines.iter().position(|line| line.id() == model.selected.as_deref() && line.id().is_some()).unwrap_or(0);
    // The container at hand stays in view, with the head of its project where that fits.
    let first = if at > 0 && lines[at - 1].id().is_none() { at - 1 } else { at };
    model.offset = model.offset.min(first).max((at + 1).saturating_sub(height));
    let has_heads = lines.iter().any(|line| line.id().is_none());
    let rows = lines.iter().skip(model.offset).take(height).filter_map(|line| match line {
        Line::Project { name, up, count, used } => Some(project(name, *up, *count, used)),
        Line::Container(id) => {
            let container = model.containers.get(id)?;
            let row = container_row(container, has_heads);
            Some(if model.selected.as_ref() == Some(id) {
                row.style(Style::new().add_modifier(Modifier::REVERSED))
            } else {
                row
            })
        }
    });
    let columns = columns(area.width);
    let heads = Row::new(columns.iter().map(|(head, _)| *head)).style(colour(Color::Cyan).add_modifier(Modifier::BOLD));
    let table = Table::new(rows.collect::<Vec<_>>(), columns.iter().map(|(_, width)| *width)).header(heads);
    frame.render_widget(table, area);
}

/// The columns that there is room for; the last ones are missed the least.
fn columns(width: u16) -> &'static [(&'static str, Constraint)] {
    let mut taken = 0;
    let fits = |(_, column): &&(&str, Constraint)| {
        let (Constraint::Length(needs) | Constraint::Min(needs)) = column else { return false };
        taken += needs + 1;
        taken <= width + 1
    };
    &COLUMNS[..COLUMNS.iter().take_while(fits).count().max(1)]
}

fn project(name: &str, up: usize, count: usize, used: &Use) -> Row<'static> {
    let name = if name.is_empty() { "(no project)" } else { name };
    let mut cells = vec![Cell::from(name.to_owned()), Cell::from(format!("{up}/{count} up")), Cell::from("")];
    cells.extend(usage(used));
    Row::new(cells).style(bold())
}

fn container_row(container: &Container, is_below: bool) -> Row<'static> {
    let indent = if is_below { "  " } else { "" };
    let state = container.state();
    let state_style = match container.summary.state.as_str() {
        "running" => colour(Color::Green),
        "paused" | "restarting" => colour(Color::Yellow),
        "exited" if state != "exited (0)" => colour(Color::Red),
        _ => colour(Color::DarkGray),
    };
    let health = match container.health() {
        "unhealthy" => Span::styled("unhealthy", colour(Color::Red)),
        "starting" => Span::styled("starting", colour(Color::Yellow)),
        other => Span::raw(other),
    };
    let name = format!("{indent}{}", container.name());
    let mut cells = vec![Cell::from(name), Cell::from(Span::styled(state, state_style)), Cell::from(health)];
    cells.extend(container.used.as_ref().map_or_else(Vec::new, usage));
    Row::new(cells)
}

/// The columns about what is used.
fn usage(used: &Use) -> Vec<Cell<'static>> {
    let memory = match used.limit {
        0 => bytes(used.memory),
        limit => format!("{} / {}", bytes(used.memory), bytes(limit)),
    };
    let [received, sent, read, written] = used.rates;
    vec![
        Cell::from(format!("{:.1}", used.cpu)),
        Cell::from(memory),
        Cell::from(format!("{} {}", rate(received), rate(sent))),
        Cell::from(format!("{} {}", rate(read), rate(written))),
        Cell::from(used.pids.to_string()),
    ]
}

fn bytes(count: u64) -> String {
    binary_size(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Bytes a second.
fn rate(value: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "no rate comes near")]
    let whole = value as i64;
    format!("{}/s", human_size(whole))
}

/// The last lines of the log, or an answer from its beginning.
fn lines(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let height = usize::from(area.height.saturating_sub(1));
    let skipped = if model.has_answer { 0 } else { model.lines.len().saturating_sub(height) };
    let text: Vec<Text<'_>> =
        model.lines.iter().skip(skipped).take(height).map(|line| Text::raw(line.as_str())).collect();
    let name = model.current().map_or("", Container::name);
    let title = if model.has_answer { format!(" why {name} (l for its log) ") } else { format!(" log of {name} ") };
    let block = Block::new().borders(Borders::TOP).title(title).border_style(colour(Color::Cyan));
    frame.render_widget(Paragraph::new(text).block(block), area);
}

fn footer(model: &Model) -> Text<'_> {
    match &model.mode {
        Mode::Filter => Text::from(vec![Span::styled("/", bold()), Span::raw(model.filter.as_str()), Span::raw("█")]),
        Mode::Confirm(action) => Text::styled(action.question(), bold()),
        Mode::Browse | Mode::Help if !model.note.is_empty() => Text::styled(model.note.as_str(), bold()),
        Mode::Browse | Mode::Help => Text::styled(KEYS, colour(Color::DarkGray)),
    }
}

fn help(frame: &mut Frame<'_>, area: Rect) {
    let line = |(keys, what): (&str, &str)| format!(" {keys:10} {what}");
    let text: Vec<Text<'static>> = HELP.map(line).map(Text::raw).to_vec();
    let width = area.width.min(76);
    let height = area.height.min(u16::try_from(HELP.len()).unwrap_or(0) + 2);
    let place = Rect { x: (area.width - width) / 2, y: (area.height - height) / 2, width, height };
    frame.render_widget(Clear, place);
    let block = Block::bordered().title(" keys ");
    frame.render_widget(Paragraph::new(text).block(block), place);
}
