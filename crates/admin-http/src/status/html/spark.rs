//! A trend as a line: inline SVG, drawn from zero up to its peak.

use std::fmt::Write as _;

use super::markup::Markup;
use crate::status::report::Trend;

const WIDTH: f64 = 160.0;
const HEIGHT: f64 = 36.0;
/// Room above the peak, so that the line's own width is not cut.
const MARGIN: f64 = 2.0;

/// The line with the area below it. Fewer than two points are no line.
pub(super) fn push(page: &mut Markup, trend: &Trend) {
    page.raw(
        "<svg class=\"spark\" viewBox=\"0 0 160 36\" preserveAspectRatio=\"none\" aria-hidden=\"true\">",
    );
    if trend.points.len() > 1 {
        let line = line(trend);
        page.raw("<path class=\"area\" d=\"M0 36 L").text(&line).raw(" L160 36 Z\"/>");
        page.raw("<path class=\"line\" d=\"M").text(&line).raw("\"/>");
    }
    page.raw("</svg>");
}

fn line(trend: &Trend) -> String {
    let peak = trend.peak();
    let step = WIDTH / (trend.points.len() - 1) as f64;
    let mut line = String::new();
    for (index, point) in trend.points.iter().enumerate() {
        let share = if peak > 0.0 { point / peak } else { 0.0 };
        let (x, y) = (index as f64 * step, HEIGHT - MARGIN - share * (HEIGHT - 2.0 * MARGIN));
        let between = if index == 0 { "" } else { " L" };
        // Writing to a string never fails.
        let _ = write!(line, "{between}{x:.1} {y:.1}");
    }
    line
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::status::Unit;

    fn drawn(points: &[f64]) -> String {
        let period = Duration::from_secs(1);
        let mut page = Markup::default();
        push(&mut page, &Trend { id: "t", label: "T", unit: Unit::Count, period, points: points.to_vec() });
        page.into_string()
    }

    #[test]
    fn a_line_goes_from_edge_to_edge_and_up_to_the_peak() {
        let drawn = drawn(&[0.0, 5.0, 10.0]);
        assert!(drawn.contains("class=\"line\" d=\"M0.0 34.0 L80.0 18.0 L160.0 2.0\""), "{drawn}");
    }

    #[test]
    fn zeros_are_a_flat_line_and_one_point_is_none() {
        assert!(drawn(&[0.0, 0.0]).contains("M0.0 34.0 L160.0 34.0"));
        assert!(!drawn(&[1.0]).contains("<path"));
        assert!(!drawn(&[]).contains("<path"));
    }
}
