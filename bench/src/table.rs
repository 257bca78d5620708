//! Samples and the table that is printed of them.

use std::time::Duration;

/// What was measured of one subject.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) samples: Vec<f64>,
}

impl Row {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), samples: Vec::new() }
    }

    pub(crate) fn time(&mut self, sample: Duration) {
        self.samples.push(sample.as_secs_f64() * 1000.0);
    }

    fn median(&self) -> f64 {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        match sorted.len() {
            0 => f64::NAN,
            length if length % 2 == 1 => sorted[length / 2],
            length => f64::midpoint(sorted[length / 2 - 1], sorted[length / 2]),
        }
    }

    fn extreme(&self, pick: fn(f64, f64) -> f64) -> f64 {
        self.samples.iter().copied().reduce(pick).unwrap_or(f64::NAN)
    }
}

/// Prints medians with their spread and each subject's ratio to the first.
pub(crate) fn print(title: &str, unit: &str, rows: &[Row]) {
    let own = rows.first().map_or(f64::NAN, Row::median);
    println!("{title}\n");
    println!("| subject | median {unit} | min | max | n | ratio |\n|---|---|---|---|---|---|");
    for row in rows {
        let (low, high) = (row.extreme(f64::min), row.extreme(f64::max));
        let (median, count) = (row.median(), row.samples.len());
        println!("| {} | {median:.2} | {low:.2} | {high:.2} | {count} | {:.2} |", row.name, median / own);
    }
    println!();
}
