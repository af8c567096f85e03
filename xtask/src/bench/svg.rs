//! The figures as a picture: a bar for each stage, with a mark where its limit ends.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Figure, STAGES, Stage};

const ROW: usize = 28;
const LEFT: f64 = 330.0;
const WIDTH: f64 = 520.0;

/// Draws the figures as a picture that stands alone.
pub(super) fn draw(figures: &BTreeMap<&str, Figure>) -> String {
    let longest =
        figures.values().map(|figure| figure.milliseconds()).fold(f64::MIN_POSITIVE, f64::max);
    let length = |figure: &Figure| figure.milliseconds() / longest * WIDTH;
    let height = (STAGES.len() + 2) * ROW;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"960\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"960\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"12\" y=\"20\">CPU time of each stage in ms (median), and of its limit in the same run (dark line)</text>\n"
    );
    for (row, Stage { name, says, limit }) in STAGES.iter().enumerate() {
        let Some(figure) = figures.get(name) else { continue };
        let top = (row + 1) * ROW + 4;
        let base = top + 15;
        let end = length(figure);
        // Writing into a string cannot fail.
        let _ = writeln!(
            svg,
            "<text x=\"12\" y=\"{base}\">{name}: {says}</text>\
             <rect x=\"{LEFT}\" y=\"{top}\" width=\"{end:.1}\" height=\"20\" fill=\"#7aa6d6\"/>\
             <text x=\"{:.1}\" y=\"{base}\">{:.1}</text>",
            end + LEFT + 6.0,
            figure.milliseconds(),
        );
        if let Some(limit) = limit.and_then(|limit| figures.get(limit)) {
            let at = length(limit) + LEFT;
            let _ = writeln!(
                svg,
                "<rect x=\"{at:.1}\" y=\"{}\" width=\"2\" height=\"24\" fill=\"#123\"/>",
                top - 2
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}
