//! What reaches the terminal: styles through a vt100 parser, and how many
//! bytes a second of ordinary work costs.

use jiff::SignedDuration;
use pgcutover::engine::snapshot::State;
use pgcutover::tui::Theme;
use pgcutover::tui::model::Model;
use pgcutover::tui::terminal::painter::Painter;
use pgcutover::tui::update::{Msg, update};
use vt100::{Color, Parser};

use super::fixtures::snapshot;
use super::stage::{picture, text, usual};

fn screen(model: &Model) -> Parser {
    let (width, height) = model.size;
    let size = (
        height.try_into().expect("rows"),
        width.try_into().expect("columns"),
    );
    let mut terminal = Parser::new(size.0, size.1, 0);
    let bytes = Painter::default().paint(picture(model)).expect("there");
    terminal.process(&bytes);
    terminal
}

/// Runs of one style of a row, as `[style]text`.
fn styled_row(model: &Model, row: u16) -> String {
    let terminal = screen(model);
    let mut out = String::new();
    let mut before = String::new();
    for column in 0..model.size.0 {
        let Some(cell) = terminal.screen().cell(row, column) else {
            continue;
        };
        let mut style = match cell.fgcolor() {
            Color::Default => String::new(),
            Color::Idx(index) => index.to_string(),
            Color::Rgb(..) => panic!("beyond the 16 colours"),
        };
        for (on, mark) in [
            (cell.bold(), "b"),
            (cell.dim(), "d"),
            (cell.inverse(), "r"),
            (cell.underline(), "u"),
        ] {
            style.push_str(if on { mark } else { "" });
        }
        if style != before {
            out.push_str(&format!("[{style}]"));
            before = style;
        }
        out.push_str(if cell.contents().is_empty() {
            " "
        } else {
            cell.contents()
        });
    }
    out.trim_end().to_owned()
}

#[test]
fn a_terminal_shows_what_was_drawn() {
    for state in [State::NotStarted, State::Throttled, State::Stuck] {
        let model = usual(snapshot(state));
        let shown = screen(&model).screen().contents();
        let lines = shown
            .lines()
            .map(str::trim_end)
            .collect::<Vec<_>>()
            .join("\n");
        assert_eq!(lines.trim_end(), text(&model).trim_end());
    }
}

#[test]
fn styles_of_the_rows_that_matter() {
    let rows = |state: State| {
        let model = usual(snapshot(state));
        let rows = [0, 1, 2, 3, 4, 9, 23].map(|row| styled_row(&model, row));
        rows.join("\n")
    };
    insta::assert_snapshot!("styles-throttled", rows(State::Throttled));
    insta::assert_snapshot!("styles-stuck", rows(State::Stuck));
    insta::assert_snapshot!("styles-reconnecting", rows(State::Reconnecting));
}

#[test]
fn without_colours_weight_and_reversal_are_left() {
    let mut model = usual(snapshot(State::Stuck));
    model.theme = Theme::new(false, false);
    let terminal = screen(&model);
    for row in 0..24 {
        for column in 0..80 {
            let cell = terminal.screen().cell(row, column).expect("there");
            assert_eq!(cell.fgcolor(), Color::Default, "{row}, {column}");
            assert_eq!(cell.bgcolor(), Color::Default, "{row}, {column}");
        }
    }
    let verdict = styled_row(&model, 1);
    assert!(verdict.starts_with("[bru] STUCK"), "{verdict}");
}

#[test]
fn a_second_of_backfill_costs_less_than_a_kilobyte() {
    let mut model = usual(snapshot(State::Running));
    let mut painter = Painter::default();
    painter.paint(picture(&model)).expect("there");
    let mut bytes = 0;
    for tenth in 1..=100_i64 {
        let mut next = (*model.snapshot).clone();
        let now = super::fixtures::now() + SignedDuration::from_millis(tenth * 100);
        next.now = now;
        if let Some(backfill) = &mut next.backfill {
            backfill.progress.rows_done += 4_100 * tenth as u64 / 10;
            backfill.rate = Some(4_100.0 + (tenth % 7) as f64 * 90.0);
            backfill.progress.last_chunk += std::time::Duration::from_millis(tenth as u64 % 5);
        }
        update(&mut model, now, Msg::Snapshot(std::sync::Arc::new(next)));
        bytes += painter.paint(picture(&model)).expect("there").len();
    }
    assert!(bytes < 10 * 1024, "{} bytes a second", bytes / 10);
}
