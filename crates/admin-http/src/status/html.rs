//! The report for a browser: one page that needs nothing from elsewhere.

mod markup;
mod spark;

use self::markup::Markup;
use super::cell::{Cell, Tone};
use super::report::{Fact, Report, Section, Table, Trend};

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// The page. Style and script carry `nonce`, so that a browser runs no others.
pub(super) fn of(report: &Report, nonce: &str) -> String {
    let mut page = Markup::default();
    page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.raw("<meta name=\"color-scheme\" content=\"light dark\">\n");
    page.element("title", "", &format!("{} {}", report.title, report.subtitle));
    inline(&mut page, "style", nonce, STYLE);
    page.raw("\n</head>\n<body>\n");
    head(&mut page, report);
    page.raw("<main>\n");
    tiles(&mut page, &report.trends);
    page.raw("<div class=\"sections\">\n");
    report.sections.iter().for_each(|section| self::section(&mut page, section));
    page.raw("</div>\n</main>\n");
    inline(&mut page, "script", nonce, SCRIPT);
    page.raw("\n</body>\n</html>\n");
    page.into_string()
}

fn inline(page: &mut Markup, tag: &'static str, nonce: &str, content: &'static str) {
    page.raw("<").raw(tag).raw(" nonce=\"").text(nonce).raw("\">").raw(content).raw("</").raw(tag).raw(">");
}

fn head(page: &mut Markup, report: &Report) {
    let (word, tone) = &report.verdict;
    page.raw("<header id=\"head\" data-part>\n<div class=\"name\"><h1>").text(&report.title).raw("</h1>");
    page.element("span", "instance", &report.subtitle);
    state(page, word, *tone, "badge");
    page.raw("</div>\n<dl class=\"facts line\">");
    report.facts.iter().for_each(|fact| self::fact(page, fact));
    page.raw("</dl>\n</header>\n<p id=\"stale\" role=\"status\" hidden></p>\n");
}

fn tiles(page: &mut Markup, trends: &[Trend]) {
    if trends.is_empty() {
        return;
    }
    page.raw("<section id=\"trends\" data-part class=\"tiles\" aria-label=\"Last minutes\">\n");
    for trend in trends {
        let peak = format!("peak {}", trend.unit.shown(trend.peak()));
        page.raw("<figure class=\"tile\"><figcaption>").text(trend.label).raw("</figcaption>");
        page.element("small", "", &peak).element("strong", "", &trend.unit.shown(trend.latest()));
        spark::push(page, trend);
        page.raw("</figure>\n");
    }
    page.raw("</section>\n");
}

fn section(page: &mut Markup, section: &Section) {
    let class = if section.is_wide { "card wide" } else { "card" };
    page.raw("<section data-part class=\"").raw(class).raw("\" id=\"").text(section.id).raw("\">\n");
    page.element("h2", "", section.heading);
    if !section.note.is_empty() {
        page.element("p", "note", &section.note);
    }
    if !section.facts.is_empty() {
        page.raw("<dl class=\"facts\">");
        section.facts.iter().for_each(|fact| self::fact(page, fact));
        page.raw("</dl>\n");
    }
    section.tables.iter().for_each(|table| self::table(page, section.id, table));
    page.raw("</section>\n");
}

fn fact(page: &mut Markup, fact: &Fact) {
    page.raw("<div>").element("dt", "", fact.label).raw("<dd>");
    cell(page, &fact.value);
    page.raw("</dd></div>");
}

fn table(page: &mut Markup, section: &str, table: &Table) {
    if table.is_folded {
        page.raw("<details id=\"").text(section).raw("-").text(table.id).raw("\"><summary>");
        page.text(table.caption).raw("</summary>\n");
    } else if !table.caption.is_empty() {
        page.element("h3", "", table.caption);
    }
    rows(page, table);
    if table.left_out > 0 {
        page.element("p", "note", &format!("and {} more", table.left_out));
    }
    if table.is_folded {
        page.raw("</details>\n");
    }
}

fn rows(page: &mut Markup, table: &Table) {
    if table.rows.is_empty() {
        page.element("p", "empty", table.when_empty);
        return;
    }
    let classes: Vec<&str> =
        (0..table.columns.len()).map(|column| if table.is_numeric(column) { "number" } else { "" }).collect();
    page.raw("<div class=\"scroll\"><table><thead><tr>");
    for (column, class) in table.columns.iter().zip(&classes) {
        page.raw("<th scope=\"col\" class=\"").raw(class).raw("\">").text(column.label).raw("</th>");
    }
    page.raw("</tr></thead><tbody>\n");
    for row in &table.rows {
        page.raw("<tr>");
        for (value, class) in row.iter().zip(&classes) {
            page.raw("<td class=\"").raw(class).raw("\">");
            cell(page, value);
            page.raw("</td>");
        }
        page.raw("</tr>\n");
    }
    page.raw("</tbody></table></div>\n");
}

fn cell(page: &mut Markup, cell: &Cell) {
    match cell {
        Cell::Code(text) => page.element("code", "", text),
        Cell::State(word, tone) => state(page, word, *tone, "state"),
        Cell::Nothing => page.element("span", "nothing", &cell.shown()),
        _ => page.text(&cell.shown()),
    };
}

fn state<'a>(page: &'a mut Markup, word: &str, tone: Tone, class: &'static str) -> &'a mut Markup {
    let tone = match tone {
        Tone::Good => "good",
        Tone::Warning => "warning",
        Tone::Bad => "bad",
        Tone::Neutral => "neutral",
    };
    page.raw("<span class=\"").raw(class).raw(" ").raw(tone).raw("\">").text(word).raw("</span>")
}
