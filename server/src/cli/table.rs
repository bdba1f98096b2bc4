//! Tables for people: columns as wide as they need to be, numbers to the right.
//!
//! Not here: where the cells come from ([`super::output`], [`super::remote`]).

use std::fmt;

/// Longest cell shown where cells are cut; `…` stands for the rest.
const CELL_CHARS_MAX: usize = 80;

/// Rows of texts under headings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    headings: Vec<String>,
    /// Lines, of which a row may have several.
    lines: Vec<Vec<String>>,
    rows: usize,
    cell_chars_max: usize,
}

impl Table {
    pub(super) fn new(headings: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let headings = headings.into_iter().map(|heading| shown(&heading.into(), usize::MAX)).collect();
        Self { headings, lines: Vec::new(), rows: 0, cell_chars_max: CELL_CHARS_MAX }
    }

    /// The same, which cuts no cell.
    pub(super) fn whole(self) -> Self {
        Self { cell_chars_max: usize::MAX, ..self }
    }

    /// Appends a row with one cell per heading.
    pub(super) fn push(&mut self, cells: Vec<String>) {
        self.rows += 1;
        self.lines.push(cells.into_iter().map(|cell| shown(&cell, self.cell_chars_max)).collect());
    }

    /// The same for cells of several lines, which stand below each other.
    pub(super) fn push_lines(&mut self, cells: &[String]) {
        self.rows += 1;
        let cells = cells.iter().map(|cell| cell.trim_end().split('\n').collect::<Vec<_>>()).collect::<Vec<_>>();
        for at in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
            let line = cells.iter().map(|lines| shown(lines.get(at).unwrap_or(&""), self.cell_chars_max));
            self.lines.push(line.collect());
        }
    }

    /// The line behind a result: `(2 rows)`.
    pub(super) fn count(&self) -> String {
        match self.rows {
            1 => "(1 row)\n".to_owned(),
            rows => format!("({rows} rows)\n"),
        }
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.lines.iter().map(|line| &line[column]).chain([&self.headings[column]]);
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    }

    fn is_numeric(&self, column: usize) -> bool {
        let is_number = |cell: &str| {
            cell.bytes().any(|b| b.is_ascii_digit())
                && cell.bytes().all(|b| b.is_ascii_digit() || b"+-.,eE%".contains(&b))
        };
        let mut cells = self.lines.iter().map(|line| line[column].as_str()).filter(|cell| !cell.is_empty()).peekable();
        cells.peek().is_some() && cells.all(is_number)
    }
}

/// Control characters would move the cursor, or worse: what tenants send is shown, never obeyed.
fn shown(cell: &str, chars_max: usize) -> String {
    let harmless = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    match cell.chars().nth(chars_max) {
        None => cell.chars().map(harmless).collect(),
        Some(_) => cell.chars().take(chars_max - 1).map(harmless).chain(['…']).collect(),
    }
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
        self.lines.iter().try_for_each(|cells| line(cells))
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
        assert!(text.lines().all(|line| line.chars().count() <= CELL_CHARS_MAX), "{text}");
        let mut whole = Table::new(["x"]).whole();
        whole.push(vec!["y".repeat(200)]);
        assert!(whole.to_string().contains(&"y".repeat(200)));
    }

    #[test]
    fn cells_of_several_lines_stand_below_each_other_and_are_one_row() {
        let mut table = Table::new(["type", "plan"]);
        table.push_lines(&["logical".into(), "Sort\n  Scan\n".into()]);
        table.push_lines(&["physical".into(), "Exec".into()]);
        let expect = "type      plan\n--------  ------\nlogical   Sort\n            Scan\nphysical  Exec\n(2 rows)\n";
        assert_eq!(format!("{table}{}", table.count()), expect);
    }
}
