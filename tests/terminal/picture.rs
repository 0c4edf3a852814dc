//! A terminal's screen as an SVG: text in cells, with the colours of a usual
//! dark terminal. Pure.

use std::fmt::Write;

use vt100::{Cell, Color, Screen};

/// Pixels of a cell at a font size of 14.
const CELL: (f32, f32) = (8.4, 18.0);
/// Around the screen.
const MARGIN: f32 = 12.0;
/// The terminal's own.
const GROUND: &str = "#14181d";
const TEXT: &str = "#d4d8dc";
/// The 16 colours that the program draws with.
const COLOURS: [&str; 16] = [
    "#2b3138", "#d1605e", "#6cab6f", "#d9a63f", "#5b8fd6", "#b07cc6", "#48b0b8", "#c3c8cd",
    "#5c646d", "#ff7a72", "#8bcf8e", "#f2c45a", "#82b4f5", "#cf9ce2", "#6cd3da", "#eef1f4",
];
const FONT: &str = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace";

/// How a run of cells looks.
#[derive(PartialEq, Clone)]
struct Look {
    ink: &'static str,
    ground: &'static str,
    bold: bool,
    dim: bool,
    underline: bool,
}

/// The picture.
pub(crate) fn svg(screen: &Screen) -> String {
    let (rows, columns) = screen.size();
    let (rows, columns) = (rows.get(), columns.get());
    let width = f32::from(columns) * CELL.0 + 2.0 * MARGIN;
    let height = f32::from(rows) * CELL.1 + 2.0 * MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         width=\"{width:.0}\" height=\"{height:.0}\" font-family=\"{FONT}\" font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{GROUND}\"/>\n"
    );
    for row in 0..rows {
        for (column, look, text) in runs(screen, row, columns) {
            draw(&mut out, row, column, &look, &text);
        }
    }
    out.push_str("</svg>\n");
    out
}

/// Neighbours that look the same, together; blanks without a ground are left out.
fn runs(screen: &Screen, row: u16, columns: u16) -> Vec<(u16, Look, String)> {
    let mut runs: Vec<(u16, Look, String)> = Vec::new();
    for column in 0..columns {
        let cell = screen.cell(row, column).expect("inside the screen");
        let text = if cell.has_contents() {
            cell.contents()
        } else {
            " "
        };
        let look = look(cell);
        match runs.last_mut() {
            Some((_, last, run)) if *last == look => run.push_str(text),
            _ => runs.push((column, look, text.to_owned())),
        }
    }
    runs.retain(|(_, look, text)| look.ground != GROUND || !text.trim().is_empty());
    runs
}

fn look(cell: &Cell) -> Look {
    let colour = |colour, own| match colour {
        Color::Idx(index @ 0..16) => COLOURS[usize::from(index)],
        _ => own,
    };
    let ink = colour(cell.fgcolor(), TEXT);
    let ground = colour(cell.bgcolor(), GROUND);
    let (ink, ground) = if cell.inverse() {
        (ground, ink)
    } else {
        (ink, ground)
    };
    Look {
        ink,
        ground,
        bold: cell.bold(),
        dim: cell.dim(),
        underline: cell.underline(),
    }
}

fn draw(out: &mut String, row: u16, column: u16, look: &Look, text: &str) {
    let (x, y) = (
        MARGIN + f32::from(column) * CELL.0,
        MARGIN + f32::from(row) * CELL.1,
    );
    let cells = text.chars().count();
    let width = cells as f32 * CELL.0;
    if look.ground != GROUND {
        let (ground, height) = (look.ground, CELL.1);
        writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height}\" fill=\"{ground}\"/>"
        )
        .unwrap();
    }
    let mut style = String::new();
    if look.bold {
        style.push_str(" font-weight=\"bold\"");
    }
    if look.dim {
        style.push_str(" opacity=\".6\"");
    }
    if look.underline {
        style.push_str(" text-decoration=\"underline\"");
    }
    let (ink, baseline, text) = (look.ink, y + 13.5, escape(text));
    // The length is given: whatever the font, cells stay in their columns.
    writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{baseline:.1}\" textLength=\"{width:.1}\" \
         lengthAdjust=\"spacingAndGlyphs\" fill=\"{ink}\"{style} xml:space=\"preserve\">{text}</text>"
    )
    .unwrap();
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
