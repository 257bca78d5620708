//! Aligns columns as Go's `text/tabwriter` does.
//!
//! A cell is text ended by a tab. A column is a run of adjacent lines that all have a cell at that place, so that a
//! line without tabs ends the columns around it. Text after a line's last tab belongs to no column.

/// How wide columns become.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// Smallest width of a column, padding included.
    pub(crate) min_width: usize,
    /// Blanks after the widest cell of a column.
    pub(crate) padding: usize,
}

impl Layout {
    /// Docker's tables.
    pub(crate) const TABLE: Self = Self { min_width: 10, padding: 3 };
}

/// Replaces the tabs of `text` by blanks so that columns are aligned.
pub(crate) fn align(text: &str, layout: Layout) -> String {
    let lines: Vec<Vec<&str>> = text.split('\n').map(|line| line.split('\t').collect()).collect();
    let mut widths: Vec<Vec<usize>> = lines.iter().map(|cells| vec![0; cells.len() - 1]).collect();
    let columns = widths.iter().map(Vec::len).max().unwrap_or(0);
    for column in 0..columns {
        measure(&lines, &mut widths, column, layout);
    }
    let mut out = String::with_capacity(text.len() * 2);
    for (index, (cells, widths)) in lines.iter().zip(&widths).enumerate() {
        if index > 0 {
            out.push('\n');
        }
        write_line(&mut out, cells, widths);
    }
    out
}

/// Gives every run of adjacent lines that have a cell in `column` the width of its widest cell.
///
/// Runs need not be nested in those of the column before: a line with a cell here has one there, too.
fn measure(lines: &[Vec<&str>], widths: &mut [Vec<usize>], column: usize, layout: Layout) {
    let mut start = 0;
    while start < lines.len() {
        if widths[start].len() <= column {
            start += 1;
            continue;
        }
        let run = widths[start..].iter().take_while(|cells| cells.len() > column).count();
        let widest = lines[start..start + run].iter().map(|cells| cells[column].chars().count()).max().unwrap_or(0);
        let width = layout.min_width.max(widest + layout.padding);
        for cells in &mut widths[start..start + run] {
            cells[column] = width;
        }
        start += run;
    }
}

fn write_line(out: &mut String, cells: &[&str], widths: &[usize]) {
    for (cell, width) in cells.iter().zip(widths) {
        out.push_str(cell);
        out.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count())));
    }
    out.push_str(cells.last().copied().unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns() {
        let cases = [
            ("", ""),
            ("plain\n", "plain\n"),
            ("a\tb\nlonger text\tc\n", "a             b\nlonger text   c\n"),
            ("a\tb", "a         b"),
            ("ü\tb\nlonger text\tc", "ü             b\nlonger text   c"),
            ("a\t\tc\nb\t\td", "a                   c\nb                   d"),
            ("wide wide wide\tx\nbreak\nb\ty", "wide wide wide   x\nbreak\nb         y"),
        ];
        for (text, want) in cases {
            assert_eq!(align(text, Layout::TABLE), want, "{text:?}");
        }
    }
}
