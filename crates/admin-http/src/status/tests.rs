//! One report in its three forms.

use std::time::Duration;

use http::{Method, Uri};
use serde_json::json;

use super::*;
use crate::page::{Page, Question};

const EVIL: &str = "<script>alert('x')</script>&\"\u{1b}[2J";

fn report() -> Report {
    let mut members = Table::new("list", [("endpoint", "Endpoint"), ("calls", "Calls")], "no members");
    members.rows.push(vec![Cell::code("a:1"), Cell::count(12_000)]);
    members.rows.push(vec![Cell::code(EVIL), Cell::count(7)]);
    members.left_out = 3;
    let empty = Table::new("widest", [("range", "Range")], "nobody watches");
    let section = Section {
        id: "members",
        heading: "Members",
        note: EVIL.to_owned(),
        facts: vec![Fact::new("hit_ratio", "Hit ratio", Cell::share(1, 3))],
        tables: vec![members, empty],
        is_wide: true,
    };
    let period = Duration::from_secs(5);
    let trend =
        Trend { id: "calls", label: "Calls", unit: Unit::PerSecond, period, points: vec![0.0, 5.5, 11.0] };
    Report {
        title: "proxy".to_owned(),
        subtitle: EVIL.to_owned(),
        verdict: ("serving".to_owned(), Tone::Good),
        facts: vec![Fact::new("uptime_seconds", "Up", Duration::from_secs(61))],
        trends: vec![trend],
        sections: vec![section],
    }
}

async fn get(page: &StatusPage) -> crate::Answer {
    page.answer(Question { method: Method::GET, uri: Uri::from_static("/status") }).await
}

async fn body(page: &StatusPage) -> String {
    String::from_utf8(get(page).await.body.to_vec()).unwrap()
}

#[tokio::test]
async fn programs_get_names_and_bare_values() {
    let page = StatusPage::html(report).as_json();
    assert_eq!(get(&page).await.content_type, "application/json");
    let found: serde_json::Value = serde_json::from_str(&body(&page).await).unwrap();
    let expected = json!({
        "name": "proxy", "instance": EVIL, "state": "serving", "is_well": true, "uptime_seconds": 61,
        "trends": { "calls": { "period_seconds": 5, "points": [0, 5.5, 11] } },
        "members": {
            "hit_ratio": 1.0 / 3.0,
            "list": [{ "endpoint": "a:1", "calls": 12_000 }, { "endpoint": EVIL, "calls": 7 }],
            "list_left_out": 3,
            "widest": [],
        },
    });
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_terminal_gets_aligned_columns_and_nothing_that_moves_its_cursor() {
    let text = body(&StatusPage::html(report).as_text()).await;
    assert!(text.lines().any(|line| line == "  Calls  11/s  ▁▅█"), "{text}");
    let table: Vec<&str> = text.lines().skip_while(|line| !line.contains("Endpoint")).take(4).collect();
    assert!(table[0].ends_with("   Calls") && table[1].ends_with(" 12\u{202f}000"), "{text}");
    assert!(table[2].ends_with("      7") && table[3] == "  and 3 more", "{text}");
    let widths: Vec<usize> = table[..3].iter().map(|line| line.chars().count()).collect();
    assert!(widths.iter().all(|width| *width == widths[0]), "{text}");
    assert!(text.contains("  nobody watches\n") && text.contains("\\u{1b}[2J"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[tokio::test]
async fn a_browser_gets_everything_escaped_and_runs_the_pages_own_script_alone() {
    let page = StatusPage::html(report);
    let answer = get(&page).await;
    let html = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(!html.contains("<script>alert") && !html.contains("alert('x')"), "{html}");
    assert!(
        html.matches("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;").count() >= 3,
        "{html}"
    );
    assert_eq!(html.matches("<script").count(), 1);
    let policy = answer.headers["content-security-policy"].to_str().unwrap().to_owned();
    let (_, nonce) = html.split_once("<script nonce=\"").unwrap();
    let nonce = nonce.split('"').next().unwrap();
    assert!(nonce.len() == 32 && policy.contains(&format!("script-src 'nonce-{nonce}'")), "{policy}");
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert!(!html.contains("http://") && !html.contains("https://"), "nothing from elsewhere");
    assert!(!body(&page).await.contains(nonce), "a nonce is for one answer");
}

#[tokio::test]
async fn what_is_opened_in_the_page_is_closed() {
    let html = body(&StatusPage::html(report)).await;
    let (_, markup) = html.split_once("<body>").unwrap();
    let (markup, _) = markup.split_once("<script").unwrap();
    let mut open = Vec::new();
    for tag in markup.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("an end of the tag");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{markup}"),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split(' ').next().unwrap()),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[tokio::test(start_paused = true)]
async fn all_forms_share_one_look() {
    let looks = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&looks);
    let page = StatusPage::html(move || {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        report()
    });
    for form in [page.clone(), page.as_json(), page.as_text()] {
        get(&form).await;
    }
    assert_eq!(looks.load(std::sync::atomic::Ordering::Relaxed), 1);
}
