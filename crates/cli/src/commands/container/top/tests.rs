//! What is on the screen after what the engine tells and what is typed.

use std::collections::BTreeMap;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use teu_api::container::{Stats, Summary};

use super::action::Action;
use super::feed::Update;
use super::input::{Outcome, press};
use super::keys::Key;
use super::model::{Model, Subject};
use super::view;

fn summary(name: &str, project: &str, state: &str, status: &str) -> Summary {
    let labels = if project.is_empty() {
        BTreeMap::new()
    } else {
        BTreeMap::from([("com.docker.compose.project".to_owned(), project.to_owned())])
    };
    Summary {
        id: format!("id-{name}"),
        names: vec![format!("/{name}")],
        image: "shop:1".to_owned(),
        labels,
        state: state.to_owned(),
        status: status.to_owned(),
        ..Summary::default()
    }
}

fn sample(second: u32, cpu: u64, memory: u64, received: u64) -> Box<Stats> {
    let text = format!(
        r#"{{"read":"2024-01-01T00:00:{second:02}Z","pids_stats":{{"current":3}},
        "cpu_stats":{{"cpu_usage":{{"total_usage":{cpu}}},"system_cpu_usage":1000,"online_cpus":1}},
        "memory_stats":{{"usage":{memory},"limit":1073741824}},"networks":{{"eth0":{{"rx_bytes":{received}}}}}}}"#
    );
    Box::new(serde_json::from_str(&text).unwrap())
}

fn shop() -> Model {
    let mut model = Model::new();
    model.take(Update::All(vec![
        summary("web", "shop", "running", "Up 3 minutes (unhealthy)"),
        summary("db", "shop", "running", "Up 3 minutes (healthy)"),
        summary("job", "", "exited", "Exited (137) 2 hours ago"),
    ]));
    model.take(Update::Sample("id-web".to_owned(), sample(1, 500, 64 << 20, 0)));
    model.take(Update::Sample("id-web".to_owned(), sample(3, 500, 64 << 20, 4000)));
    model.take(Update::Sample("id-db".to_owned(), sample(1, 10, 128 << 20, 0)));
    model
}

/// The lines of a screen of 120 by 24.
fn screen(model: &mut Model) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(120, 24)).unwrap();
    terminal.draw(|frame| view::draw(model, frame)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let line = |y| (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..buffer.area.height).map(line).collect()
}

fn typed(model: &mut Model, text: &str) -> Vec<Outcome> {
    text.chars().map(|c| press(model, Key::Char(c))).collect()
}

/// The columns of a line, apart by two blanks or more.
fn cells(line: &str) -> Vec<&str> {
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

#[test]
fn containers_by_project() {
    let lines = screen(&mut shop());
    assert!(lines[0].starts_with("teu top  3 containers, 2 up   cpu 51.0%   memory 192MiB"), "{}", lines[0]);
    assert_eq!(cells(&lines[1]), ["NAME", "STATE", "HEALTH", "CPU %", "MEMORY", "NET IN/OUT", "BLOCK R/W", "PIDS"]);
    assert_eq!(cells(&lines[2]), ["shop", "2/2 up", "51.0", "192MiB", "2kB/s 0B/s", "0B/s 0B/s", "6"]);
    assert_eq!(cells(&lines[3])[..4], ["db", "running", "healthy", "1.0"]);
    let web = ["web", "running", "unhealthy", "50.0", "64MiB / 1GiB", "2kB/s 0B/s", "0B/s 0B/s", "3"];
    assert_eq!(cells(&lines[4]), web);
    assert_eq!(cells(&lines[5])[..2], ["(no project)", "0/1 up"]);
    assert_eq!(cells(&lines[6]), ["job", "exited (137)"]);
    assert!(lines[23].starts_with("s stop  r restart"), "{}", lines[23]);
}

#[test]
fn events_change_the_list() {
    let mut model = shop();
    let ids = ["id-web", "id-db", "id-new"].map(str::to_owned).into();
    let found = vec![summary("web", "shop", "exited", "Exited (0) now"), summary("new", "", "running", "Up")];
    model.take(Update::These(ids, found));
    let text = screen(&mut model).join("\n");
    assert!(text.contains("exited (0)") && text.contains("new") && !text.contains("db "), "{text}");
    model.take(Update::Sample("id-web".to_owned(), sample(9, 1, 1, 1)));
    assert!(model.containers["id-web"].used.is_none(), "it has ended: a sample that was late is of no use");
}

#[test]
fn sorting_and_looking_for() {
    let mut model = shop();
    typed(&mut model, "o");
    let lines = screen(&mut model);
    assert!(lines[0].ends_with("sorted by cpu") && lines[3].contains("web") && lines[4].contains("db"), "{lines:?}");
    typed(&mut model, "o");
    assert!(screen(&mut model)[3].contains("db"), "more memory");
    typed(&mut model, "/jo");
    let lines = screen(&mut model);
    assert!(lines[23].starts_with("/jo") && cells(&lines[2])[0] == "job", "{lines:?}");
    assert_eq!(model.selected.as_deref(), Some("id-job"));
    press(&mut model, Key::Enter);
    assert!(screen(&mut model)[0].contains("with \"jo\""));
    press(&mut model, Key::Escape);
    typed(&mut model, "a");
    let text = screen(&mut model).join("\n");
    assert!(!text.contains("job") && text.contains("only what runs"), "{text}");
}

#[test]
fn what_cannot_be_undone_is_asked_about() {
    let mut model = shop();
    press(&mut model, Key::Down);
    assert_eq!(typed(&mut model, "s"), [Outcome::Seen]);
    assert_eq!(screen(&mut model)[23], "Stop web? (y/n)");
    assert_eq!(typed(&mut model, "n"), [Outcome::Seen]);
    typed(&mut model, "s");
    let stop = Action::Stop { id: "id-web".to_owned(), name: "web".to_owned() };
    assert_eq!(typed(&mut model, "y"), [Outcome::Act(stop)]);
    typed(&mut model, "r");
    assert_eq!(screen(&mut model)[23], "Restart web? (y/n)");
    press(&mut model, Key::Escape);
    let shell = Action::Exec { id: "id-web".to_owned(), name: "web".to_owned() };
    assert_eq!(typed(&mut model, "e"), [Outcome::Act(shell)]);
    assert_eq!(typed(&mut model, "q"), [Outcome::Leave]);
    assert_eq!(press(&mut model, Key::Interrupt), Outcome::Leave);
    assert_eq!(press(&mut model, Key::Suspend), Outcome::Suspend);
    // Nothing at hand, nothing done.
    let mut empty = Model::new();
    assert_eq!(typed(&mut empty, "serw"), [Outcome::Seen, Outcome::Seen, Outcome::Seen, Outcome::Seen]);
    screen(&mut empty);
}

#[test]
fn the_log_of_the_container_at_hand() {
    let mut model = shop();
    let of = |name: &str| Subject { id: format!("id-{name}"), is_up: true };
    assert_eq!(model.subject(), Some(&of("db")));
    model.take(Update::Lines(of("db"), (0..50).map(|n| format!("line {n}")).collect()));
    model.take(Update::Lines(of("web"), vec!["of another".to_owned()]));
    let text = screen(&mut model).join("\n");
    assert!(text.contains(" log of db ") && text.contains("line 49") && !text.contains("line 1\n"), "{text}");
    assert!(!text.contains("of another"), "{text}");
    model.answer(["because".to_owned()].into_iter());
    assert_eq!(model.subject(), None, "the log waits meanwhile");
    assert!(screen(&mut model).join("\n").contains("because"));
    model.take(Update::These(["id-db".to_owned()].into(), vec![summary("db", "shop", "exited", "Exited (0) now")]));
    assert_eq!(model.subject(), None);
    assert!(screen(&mut model).join("\n").contains("because"), "the answer stays when the container ends");
    model.take(Update::These(["id-db".to_owned()].into(), vec![summary("db", "shop", "running", "Up 1 second")]));
    typed(&mut model, "l");
    assert_eq!(model.subject(), Some(&of("db")));
    press(&mut model, Key::Down);
    assert_eq!(model.subject(), Some(&of("web")));
    let ended = summary("web", "shop", "exited", "Exited (0) now");
    model.take(Update::These(["id-web".to_owned()].into(), vec![ended]));
    assert_eq!(model.subject(), Some(&Subject { is_up: false, ..of("web") }), "its log has another end now");
    typed(&mut model, "l");
    assert_eq!(model.subject(), None);
    assert!(!screen(&mut model).join("\n").contains("log of"));
}

#[test]
fn more_containers_than_lines() {
    let mut model = Model::new();
    model.take(Update::All((0..100).map(|n| summary(&format!("c{n:03}"), "big", "running", "Up")).collect()));
    for (keys, name) in [(Key::End, "c099"), (Key::PageUp, "c089"), (Key::Home, "c000"), (Key::Up, "c000")] {
        press(&mut model, keys);
        let lines = screen(&mut model);
        assert!(lines.iter().any(|line| cells(line).first() == Some(&name)), "{name}: {lines:?}");
    }
    typed(&mut model, "?");
    assert!(screen(&mut model).join("\n").contains("this page"));
}

#[test]
fn small_screens() {
    for (width, height) in [(1, 1), (20, 3), (300, 5)] {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let mut model = shop();
        typed(&mut model, "?");
        terminal.draw(|frame| view::draw(&mut model, frame)).unwrap();
    }
}
