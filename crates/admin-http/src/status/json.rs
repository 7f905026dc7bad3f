//! The report for programs: names and bare values.

use serde_json::{Map, Value, json};

use super::cell::{Cell, Tone};
use super::report::{Fact, Report, Section, Table, Trend};

/// The report as one object: facts beside the title by their ids, then an object for each section.
pub(super) fn of(report: &Report) -> Value {
    let mut whole = Map::new();
    whole.insert("name".to_owned(), report.title.as_str().into());
    whole.insert("instance".to_owned(), report.subtitle.as_str().into());
    let (word, tone) = &report.verdict;
    whole.insert("state".to_owned(), word.as_str().into());
    whole.insert("is_well".to_owned(), (*tone == Tone::Good).into());
    insert_facts(&mut whole, &report.facts);
    for section in &report.sections {
        whole.insert(section.id.to_owned(), section_value(section));
    }
    let trends = report.trends.iter().map(|trend| (trend.id.to_owned(), trend_value(trend)));
    whole.insert("trends".to_owned(), Value::Object(trends.collect()));
    Value::Object(whole)
}

fn section_value(section: &Section) -> Value {
    let mut values = Map::new();
    insert_facts(&mut values, &section.facts);
    for table in &section.tables {
        values.insert(table.id.to_owned(), rows(table));
        if table.left_out > 0 {
            values.insert(format!("{}_left_out", table.id), table.left_out.into());
        }
    }
    Value::Object(values)
}

fn insert_facts(values: &mut Map<String, Value>, facts: &[Fact]) {
    values.extend(facts.iter().map(|fact| (fact.id.to_owned(), value(&fact.value))));
}

fn rows(table: &Table) -> Value {
    let row = |cells: &Vec<Cell>| -> Value {
        let named = table.columns.iter().zip(cells);
        Value::Object(named.map(|(column, cell)| (column.id.to_owned(), value(cell))).collect())
    };
    table.rows.iter().map(row).collect()
}

fn trend_value(trend: &Trend) -> Value {
    let points: Vec<Value> = trend.points.iter().map(|point| number(*point)).collect();
    json!({ "period_seconds": number(trend.period.as_secs_f64()), "points": points })
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Nothing => Value::Null,
        Cell::Text(text) | Cell::Code(text) | Cell::State(text, _) => text.as_str().into(),
        Cell::Flag(flag) => (*flag).into(),
        Cell::Number(value, _) => number(*value),
    }
}

/// Whole numbers without a point. JSON has no word for what is not a number.
fn number(value: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT { (value as i64).into() } else { json!(value) }
}
