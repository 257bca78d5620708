//! Progress of pulls, loads and imports: bars at a terminal, lines elsewhere.

use std::collections::HashMap;
use std::io::{self, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use teu_api::client::JsonStream;
use teu_api::progress::Message;

use crate::error::Error;
use crate::terminal;

/// How a stream of messages is shown.
pub(crate) enum Display {
    /// Nothing but failures.
    Quiet,
    /// Lines, as they are when nobody watches.
    Lines(Box<dyn Write>),
    /// A line per layer that is written over.
    Bars(Box<Bars>),
}

/// The layers being worked on.
pub(crate) struct Bars {
    all: MultiProgress,
    layers: HashMap<String, ProgressBar>,
}

impl Display {
    /// For standard output.
    pub(crate) fn stdout() -> Self {
        if terminal::is_stdout() {
            Self::bars(ProgressDrawTarget::stdout())
        } else {
            Self::Lines(Box::new(io::stdout()))
        }
    }

    /// For standard error, where standard output belongs to something else.
    pub(crate) fn stderr() -> Self {
        if terminal::is_stderr() {
            Self::bars(ProgressDrawTarget::stderr())
        } else {
            Self::Lines(Box::new(io::stderr()))
        }
    }

    fn bars(target: ProgressDrawTarget) -> Self {
        Self::Bars(Box::new(Bars { all: MultiProgress::with_draw_target(target), layers: HashMap::new() }))
    }

    /// Shows all messages of a stream; a failure in it is the result. `aux` sees the data that are not for people.
    pub(crate) async fn follow(
        mut self,
        mut stream: JsonStream<Message>,
        mut aux: impl FnMut(&serde_json::Value),
    ) -> Result<(), Error> {
        while let Some(message) = stream.next().await? {
            if let Some(failure) = &message.error_detail {
                self.finish();
                return Err(Error::message(failure.message.clone()));
            }
            if let Some(data) = &message.aux {
                aux(data);
                continue;
            }
            self.show(&message)?;
        }
        self.finish();
        Ok(())
    }

    fn show(&mut self, message: &Message) -> Result<(), Error> {
        match self {
            Self::Quiet => {}
            Self::Lines(out) => {
                if let Some(line) = line(message) {
                    out.write_all(line.as_bytes())?;
                    out.flush()?;
                }
            }
            Self::Bars(bars) => bars.show(message)?,
        }
        Ok(())
    }

    fn finish(&mut self) {
        if let Self::Bars(bars) = self {
            // The last state of each layer stays on the screen.
            for bar in bars.layers.values() {
                bar.abandon();
            }
        }
    }
}

/// A message as a line; `None` for the small steps of a bar, which would fill a log.
fn line(message: &Message) -> Option<String> {
    if !message.stream.is_empty() {
        return Some(message.stream.clone());
    }
    let is_step = message.progress_detail.as_ref().is_some_and(|detail| detail.current > 0 || detail.total > 0);
    if is_step || !message.progress.is_empty() || message.status.is_empty() {
        return None;
    }
    match message.id.as_str() {
        "" => Some(format!("{}\n", message.status)),
        id => Some(format!("{id}: {}\n", message.status)),
    }
}

impl Bars {
    fn show(&mut self, message: &Message) -> io::Result<()> {
        if message.id.is_empty() || message.status.starts_with("Pulling from") {
            return match line(message) {
                Some(text) => self.all.println(text.trim_end_matches('\n')),
                None => Ok(()),
            };
        }
        let bar = self.layers.entry(message.id.clone()).or_insert_with(|| {
            let bar = self.all.add(ProgressBar::no_length());
            bar.set_prefix(message.id.clone());
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        let counted = message.progress_detail.as_ref().filter(|detail| detail.total > 0 || detail.current > 0);
        match counted {
            Some(detail) => {
                bar.set_style(style(if detail.total > 0 { COUNTED } else { UNBOUNDED }));
                if let Ok(total @ 1..) = u64::try_from(detail.total) {
                    bar.set_length(total);
                }
                bar.set_position(u64::try_from(detail.current).unwrap_or(0));
            }
            None => bar.set_style(style(PLAIN)),
        }
        bar.set_message(message.status.clone());
        Ok(())
    }
}

/// A layer whose size is known.
const COUNTED: &str = "{prefix}: {msg:18} [{bar:40.cyan/blue}] {decimal_bytes}/{decimal_total_bytes}";
/// A layer whose size is not known.
const UNBOUNDED: &str = "{prefix}: {msg:18} {decimal_bytes}";
/// A layer with nothing to count.
const PLAIN: &str = "{prefix}: {msg}";

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use teu_api::progress::Detail;

    #[test]
    fn lines_leave_small_steps_out() {
        let step = Message {
            progress_detail: Some(Detail { current: 5, total: 10, ..Detail::default() }),
            ..Message::status("abc", "Downloading")
        };
        assert_eq!(line(&step), None);
        assert_eq!(line(&Message::status("abc", "Pull complete")).unwrap(), "abc: Pull complete\n");
        assert_eq!(line(&Message::status("", "Digest: x")).unwrap(), "Digest: x\n");
        let stream = Message { stream: "Loaded image: x\n".into(), ..Message::default() };
        assert_eq!(line(&stream).unwrap(), "Loaded image: x\n");
    }
}
