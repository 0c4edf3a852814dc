//! Draws a model: one panel a file, each a pure function of what it shows.
//!
//! Owns which panels and dialogs a frame is made of and how a panel's rows
//! come into its place; what the rows say is theirs. Keeps no state.

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Clear, Widget};

use super::layout::{self, Layout, Panel};
use super::model::{Dialog, Model};
use super::theme::{Glyphs, Theme, Tone};
use crate::engine::snapshot::Snapshot;

mod answers;
mod card;
mod charts;
mod detail;
mod dialog;
mod events;
mod footer;
mod gates;
mod guards;
mod identity;
mod notes;
mod parity;
mod rail;
mod row;
mod signals;
pub mod steps;
mod tree;
mod verdict;
mod work;

pub use row::Row;

/// What every panel may look at.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The screen.
    pub model: &'a Model,
    /// The run.
    pub snapshot: &'a Snapshot,
    /// Colours and glyphs.
    pub theme: Theme,
    /// The publisher's clock.
    pub now: Timestamp,
}

impl<'a> Scene<'a> {
    /// The scene of a model.
    pub fn new(model: &'a Model) -> Self {
        Self {
            model,
            snapshot: &model.snapshot,
            theme: model.theme,
            now: model.now(),
        }
    }

    fn glyphs(&self) -> &'static Glyphs {
        self.theme.glyphs
    }

    fn row(&self) -> Row {
        Row::new(self.theme)
    }
}

/// A panel's content, before it has a place.
#[derive(Debug, Default)]
pub struct Pane {
    /// Its title.
    title: String,
    /// At the right end of the title.
    note: String,
    /// All its rows, most important first.
    rows: Vec<Line<'static>>,
    /// What stands for it where there is one row only.
    brief: Option<Line<'static>>,
    /// The row to keep in sight.
    keep: Option<usize>,
    /// The key that shows all of it.
    key: char,
}

/// Draws the whole screen; the buffer's area is the screen.
pub fn draw(model: &Model, buf: &mut Buffer) {
    let scene = Scene::new(model);
    let layout = layout::arrange(buf.area);
    let page = page_place(model, &layout, buf.area);
    let covered = |place: Rect| page.is_some_and(|page| page.intersects(place));
    for (panel, place) in layout.iter().filter(|(_, place)| !covered(*place)) {
        draw_panel(&scene, panel, place, buf);
    }
    if model.old().is_some() {
        fade(&layout, buf);
    }
    if let (Some(panel), Some(place)) = (model.page, page) {
        draw_page(&scene, panel, place, buf);
    }
    if let Some(front) = &model.dialog {
        let place = if layout.body.height >= 6 {
            layout.body
        } else {
            under_verdict(&layout, buf.area)
        };
        dialog::draw(&scene, front, place, buf);
    }
}

/// Lines of what scrolls now; where nothing does, of nothing.
pub fn extent(model: &Model) -> usize {
    let scene = Scene::new(model);
    match (&model.dialog, model.page) {
        (Some(Dialog::Card(card)), _) => card::lines(&scene, card, model.size.0).len(),
        (Some(Dialog::Help), _) => dialog::help(&scene, model.size.0).len(),
        (Some(Dialog::Palette { text, .. }), _) => super::keymap::palette(text.value()).len(),
        (Some(_), _) | (None, None) => 0,
        (None, Some(panel)) => pane(&scene, panel, model.size.0, usize::MAX).rows.len(),
    }
}

fn page_place(model: &Model, layout: &Layout, area: Rect) -> Option<Rect> {
    model.page?;
    let place = if model.full {
        under_verdict(layout, area)
    } else {
        layout.body
    };
    (!place.is_empty()).then_some(place)
}

/// All rows below the verdict and above the keys.
fn under_verdict(layout: &Layout, area: Rect) -> Rect {
    let top = layout
        .get(Panel::Verdict)
        .map_or(area.y, |place| place.bottom());
    let bottom = layout
        .get(Panel::Footer)
        .map_or(area.bottom(), |place| place.y);
    Rect {
        y: top,
        height: bottom.saturating_sub(top),
        ..area
    }
}

/// What is shown was true once: greyed, except for the verdict, which says how
/// old it is, and the keys.
fn fade(layout: &Layout, buf: &mut Buffer) {
    for (panel, place) in layout.iter() {
        if !matches!(
            panel,
            Panel::Verdict | Panel::Identity | Panel::Message | Panel::Footer
        ) {
            let grey = Style::reset().add_modifier(Modifier::DIM);
            buf.set_style(place, grey);
        }
    }
}

fn draw_panel(scene: &Scene<'_>, panel: Panel, place: Rect, buf: &mut Buffer) {
    match panel {
        Panel::Identity => identity::draw(scene, place, buf),
        Panel::Verdict => verdict::draw(scene, place, buf),
        Panel::Answers => answers::draw(scene, place, buf),
        Panel::Rail => rail::draw(scene, place, buf),
        Panel::Message => footer::message(scene, place, buf),
        Panel::Footer => footer::draw(scene, place, buf),
        Panel::Charts => charts::draw(scene, place, buf),
        Panel::Log => super::log::draw(scene, place, buf),
        _ => {
            let pane = pane(scene, panel, place.width, usize::from(place.height));
            draw_pane(scene, &pane, place, 0, false, buf);
        }
    }
}

/// A panel that covers others, with all its rows to scroll through.
fn draw_page(scene: &Scene<'_>, panel: Panel, place: Rect, buf: &mut Buffer) {
    Clear.render(place, buf);
    match panel {
        Panel::Charts => charts::draw(scene, place, buf),
        Panel::Log => super::log::draw(scene, place, buf),
        Panel::Steps => {
            let list = Rect {
                width: place.width.min((place.width * 55 / 100).max(34)),
                ..place
            };
            let beside = Rect {
                x: list.right() + 1,
                width: place.right().saturating_sub(list.right() + 1),
                ..place
            };
            let steps = pane(scene, panel, list.width, usize::MAX);
            draw_pane(scene, &steps, list, 0, true, buf);
            let detail = pane(scene, Panel::Detail, beside.width, usize::MAX);
            draw_pane(scene, &detail, beside, 0, false, buf);
        }
        _ => {
            let pane = pane(scene, panel, place.width, usize::MAX);
            draw_pane(scene, &pane, place, scene.model.scroll, true, buf);
        }
    }
}

/// The content of a panel of rows; `rows` is how many there is room for.
fn pane(scene: &Scene<'_>, panel: Panel, width: u16, rows: usize) -> Pane {
    match panel {
        Panel::Work => work::pane(scene, width),
        Panel::Guards => guards::pane(scene, width),
        Panel::Gates => gates::pane(scene, width),
        Panel::Tree => tree::pane(scene, width),
        Panel::Events => events::pane(scene, width, rows),
        Panel::Steps => steps::pane(scene, width),
        Panel::Detail => detail::pane(scene, width),
        Panel::Parity => parity::pane(scene, width),
        Panel::Notes => notes::pane(scene, width),
        _ => Pane::default(),
    }
}

/// A rule with the title, then the rows; a place of two rows has no room for
/// the title, and one of a single row shows what stands for all.
fn draw_pane(
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
            key if hidden > 0 => format!("{} ({hidden} more: {key})", pane.title),
            _ => pane.title.clone(),
        };
        rule(scene, &title, &pane.note, open, place, buf);
    }
}

/// `-- title ------------------ note --`
fn rule(scene: &Scene<'_>, title: &str, note: &str, open: bool, place: Rect, buf: &mut Buffer) {
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
fn put(line: &Line<'_>, place: Rect, row: u16, buf: &mut Buffer) {
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
fn pair(left: Row, right: Row, place: Rect, row: u16, buf: &mut Buffer) {
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
