//! What a status page says, without how.

use std::time::Duration;

use super::cell::{Cell, Tone, Unit};

/// The whole page. Ids are the names in the JSON: in lower case, with underscores.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The name of the server.
    pub title: String,
    /// Which of its kind: such as the address that it serves.
    pub subtitle: String,
    /// How it is, in a word, and whether that is good.
    pub verdict: (String, Tone),
    /// What is said beside the title.
    pub facts: Vec<Fact>,
    /// What is shown as a tile: its latest value, and how it came there.
    pub trends: Vec<Trend>,
    /// Everything else, in this order.
    pub sections: Vec<Section>,
}

/// A part of the page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    /// Its name in the JSON.
    pub id: &'static str,
    /// Its heading.
    pub heading: &'static str,
    /// A sentence below the heading; empty for none.
    pub note: String,
    /// Single values.
    pub facts: Vec<Fact>,
    /// Lists.
    pub tables: Vec<Table>,
    /// Whether it takes the whole width of the page.
    pub is_wide: bool,
}

/// A value with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Its name in the JSON.
    pub id: &'static str,
    /// Its name for people.
    pub label: &'static str,
    /// The value.
    pub value: Cell,
}

/// A list of things that have the same properties.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Its name in the JSON.
    pub id: &'static str,
    /// What it is a list of; empty where the section's heading says it.
    pub caption: &'static str,
    /// What is said of each.
    pub columns: Vec<Column>,
    /// One for each, its cells in the order of the columns.
    pub rows: Vec<Vec<Cell>>,
    /// What is said where there are none.
    pub when_empty: &'static str,
    /// How many more there are than are listed.
    pub left_out: usize,
    /// Whether a browser shows it only when asked to. A terminal does not show it.
    pub is_folded: bool,
}

/// A property of what a table lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in the JSON.
    pub id: &'static str,
    /// Its name for people.
    pub label: &'static str,
}

/// A number over the last minutes, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Trend {
    /// Its name in the JSON.
    pub id: &'static str,
    /// Its name for people.
    pub label: &'static str,
    /// What it is a number of.
    pub unit: Unit,
    /// The time between two points.
    pub period: Duration,
    /// The points.
    pub points: Vec<f64>,
}

impl Fact {
    /// A value with its names.
    pub fn new(id: &'static str, label: &'static str, value: impl Into<Cell>) -> Self {
        Self { id, label, value: value.into() }
    }
}

impl Table {
    /// An empty table with these columns: their ids, and their labels.
    pub fn new(
        id: &'static str,
        columns: impl IntoIterator<Item = (&'static str, &'static str)>,
        when_empty: &'static str,
    ) -> Self {
        let columns = columns.into_iter().map(|(id, label)| Column { id, label }).collect();
        Self { id, columns, when_empty, ..Self::default() }
    }

    /// Whether everything below a column is a number, which is then put to the right.
    pub(super) fn is_numeric(&self, column: usize) -> bool {
        let cells = || self.rows.iter().filter_map(|row| row.get(column));
        cells().any(Cell::is_number) && cells().all(|cell| cell.is_number() || *cell == Cell::Nothing)
    }
}

impl Trend {
    /// The latest point.
    pub fn latest(&self) -> f64 {
        self.points.last().copied().unwrap_or_default()
    }

    /// The largest point.
    pub fn peak(&self) -> f64 {
        self.points.iter().copied().fold(0.0, f64::max)
    }
}
