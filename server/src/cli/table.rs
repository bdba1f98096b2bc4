//! Tables for people: columns as wide as they need to be, numbers to the right.
//!
//! Not here: where the cells come from ([`super::output`], [`super::remote`]).

use std::fmt;

/// Longest cell shown; the rest of a longer one is cut off.
const CELL_CHARS_MAX: usize = 80;

/// Rows of texts under headings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Table {
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(headings: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { headings: headings.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Appends a row with one cell per heading.
    pub(super) fn push(&mut self, cells: Vec<String>) {
        self.rows.push(cells.into_iter().map(shortened).collect());
    }

    /// The line behind a result: `(2 rows)`.
    pub(super) fn count(&self) -> String {
        match self.rows.len() {
            1 => "(1 row)\n".to_owned(),
            rows => format!("({rows} rows)\n"),
        }
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().map(|row| &row[column]).chain([&self.headings[column]]);
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    }

    fn is_numeric(&self, column: usize) -> bool {
        let is_number = |cell: &str| {
            cell.bytes().any(|b| b.is_ascii_digit())
                && cell.bytes().all(|b| b.is_ascii_digit() || b"+-.,eE%".contains(&b))
        };
        let mut cells = self.rows.iter().map(|row| row[column].as_str()).filter(|cell| !cell.is_empty()).peekable();
        cells.peek().is_some() && cells.all(is_number)
    }
}

/// Control characters would move the cursor, or worse: what tenants send is shown, never obeyed.
fn shortened(cell: String) -> String {
    let mut text: String =
        cell.chars().take(CELL_CHARS_MAX + 1).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().count() > CELL_CHARS_MAX {
        text.pop();
        text.pop();
        text.push('…');
    }
    text
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<(usize, bool)> =
            (0..self.headings.len()).map(|column| (self.width(column), self.is_numeric(column))).collect();
        let mut line = |cells: &[String]| {
            let mut text = String::new();
            for (at, (cell, (width, right))) in cells.iter().zip(&columns).enumerate() {
                if at > 0 {
                    text.push_str("  ");
                }
                match right {
                    true => text.push_str(&format!("{cell:>width$}")),
                    false => text.push_str(&format!("{cell:<width$}")),
                }
            }
            writeln!(f, "{}", text.trim_end())
        };
        line(&self.headings)?;
        let rule: Vec<String> = columns.iter().map(|(width, _)| "-".repeat(*width)).collect();
        line(&rule)?;
        self.rows.iter().try_for_each(|row| line(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right_and_texts_to_the_left() {
        let mut table = Table::new(["tenant", "value"]);
        table.push(vec!["a".into(), "7".into()]);
        table.push(vec!["longer name".into(), "-12.5".into()]);
        let expect = "tenant       value\n-----------  -----\na                7\nlonger name  -12.5\n";
        assert_eq!(table.to_string(), expect);
    }

    #[test]
    fn cells_can_not_steer_the_terminal() {
        let mut table = Table::new(["x"]);
        table.push(vec!["a\x1b[2Jb".into()]);
        table.push(vec!["y".repeat(200)]);
        let text = table.to_string();
        assert!(!text.contains('\x1b') && text.contains('…'), "{text:?}");
    }
}
