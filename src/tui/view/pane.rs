//! How a panel's rows come into its place: title, rule, what is cut off.
//!
//! Owns the drawing of rows into rectangles; never what they say.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Widget;

use super::Scene;
use super::row::Row;
use crate::report::format;
use crate::tui::theme::Tone;

/// A panel's content, before it has a place.
#[derive(Debug, Default)]
pub(super) struct Pane {
    /// Its title.
    pub(super) title: String,
    /// At the right end of the title.
    pub(super) note: String,
    /// All its rows, most important first.
    pub(super) rows: Vec<Line<'static>>,
    /// What stands for it where there is one row only.
    pub(super) brief: Option<Line<'static>>,
    /// The row to keep in sight.
    pub(super) keep: Option<usize>,
    /// The key that shows all of it.
    pub(super) key: char,
}

/// A rule with the title, then the rows; a place of two rows has no room for
/// the title, and one of a single row shows what stands for all.
pub(super) fn draw_pane(
    scene: &Scene<'_>,
    pane: &Pane,
    place: Rect,
    scroll: usize,
    open: bool,
    buf: &mut Buffer,
) {
    if let (1, Some(brief)) = (place.height, &pane.brief) {
        return put(brief, place, 0, buf);
    }
    let titled = place.height >= 3 || (place.height == 2 && pane.brief.is_none());
    let rows = Rect {
        y: place.y + u16::from(titled),
        height: place.height - u16::from(titled),
        ..place
    };
    let room = usize::from(rows.height);
    let last = pane.rows.len().saturating_sub(room);
    let first = match pane.keep {
        Some(keep) => (keep + 1).saturating_sub(room.div_ceil(2)).min(last),
        None => scroll.min(last),
    };
    for (at, line) in pane.rows.iter().skip(first).take(room).enumerate() {
        put(line, rows, at as u16, buf);
    }
    if titled {
        let hidden = pane.rows.len().saturating_sub(room);
        let title = match pane.key {
            _ if hidden > 0 && open => {
                let last = first + room;
                format!(
                    "{} ({}-{last} of {})",
                    pane.title,
                    first + 1,
                    pane.rows.len()
                )
            }
            '\0' => pane.title.clone(),
            key if hidden > 0 => {
                let rows = format::plural(hidden as u64, "row");
                format!("{} ({key}: {rows} more)", pane.title)
            }
            _ => pane.title.clone(),
        };
        rule(scene, &title, &pane.note, open, place, buf);
    }
}

/// `-- title ------------------ note --`
pub(super) fn rule(
    scene: &Scene<'_>,
    title: &str,
    note: &str,
    open: bool,
    place: Rect,
    buf: &mut Buffer,
) {
    let glyph = scene.glyphs().rule;
    let quiet = scene.theme.style(Tone::Quiet);
    let whole = glyph.repeat(usize::from(place.width));
    Line::styled(whole, quiet).render(Rect { height: 1, ..place }, buf);
    let title = scene
        .row()
        .styled(scene.theme.title(open), format!(" {title} "));
    let left = Rect {
        x: place.x + 2.min(place.width),
        width: place.width.saturating_sub(4),
        height: 1,
        ..place
    };
    let taken = title.width();
    put(&title.into(), left, 0, buf);
    let note = scene.row().put(Tone::Quiet, format!(" {note} "));
    let width = note.width();
    if width > 2 && taken + width < left.width {
        let right = Rect {
            x: left.right() - width,
            width,
            ..left
        };
        put(&note.into(), right, 0, buf);
    }
}

/// One line in its row of the place; what does not fit is left out.
pub(super) fn put(line: &Line<'_>, place: Rect, row: u16, buf: &mut Buffer) {
    if row < place.height {
        let place = Rect {
            y: place.y + row,
            height: 1,
            ..place
        };
        line.render(place, buf);
    }
}

/// A line at the left and one at the right end of a row; the right one wins.
pub(super) fn pair(left: Row, right: Row, place: Rect, row: u16, buf: &mut Buffer) {
    let width = right.width().min(place.width);
    let rest = place.width - width;
    let gap = u16::from(width > 0);
    let left_place = Rect {
        width: rest.saturating_sub(gap),
        ..place
    };
    put(&left.fit(left_place.width).into(), left_place, row, buf);
    let right_place = Rect {
        x: place.x + rest,
        width,
        ..place
    };
    put(&right.into(), right_place, row, buf);
}
