//! Draws a model: one panel a file, each a pure function of what it shows.
//!
//! Owns which panels and dialogs a frame is made of and how a panel's rows
//! come into its place; what the rows say is theirs. Keeps no state.

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::widgets::{Clear, Widget};

use super::layout::{self, Layout, Panel};
use super::model::{Dialog, Model};
use super::theme::{Glyphs, Theme};
use crate::engine::snapshot::Snapshot;

mod answers;
mod backfill;
mod card;
mod charts;
mod detail;
mod dialog;
mod events;
mod footer;
mod gates;
mod guards;
mod handover;
mod identity;
mod notes;
mod pane;
mod parity;
mod people;
mod rail;
mod row;
mod signals;
pub mod steps;
mod tree;
mod verdict;
mod work;

use pane::{Pane, draw_pane, pair, put, rule};
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
        Panel::People => people::pane(scene, width),
        Panel::Handover => handover::pane(scene, width),
        _ => Pane::default(),
    }
}
