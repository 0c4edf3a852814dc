//! Owns where each panel stands: a pure function of the size.
//!
//! ```text
//!  80x24 and other narrow sizes          from 110x30
//!  +------------------------------+      +---------------------------------------+
//!  | identity                     |      | identity, verdict, answers, rail      |
//!  | verdict                      |      +----------------------+----------------+
//!  | answers (two rows)           |      | work                 | charts         |
//!  | rail                         |      | guards               |                |
//!  | work                         |      | gates                +----------------+
//!  | guards                       |      | tree                 | steps          |
//!  | gates                        |      | events               | (detail, notes,|
//!  | tree                         |      |                      |  parity: tall) |
//!  | events                       |      +----------------------+----------------+
//!  | message                      |      | message                               |
//!  | footer                       |      | footer                                |
//!  +------------------------------+      +---------------------------------------+
//! ```
//!
//! Too few rows: panels shrink and drop by [`SHRINK`]: first events, then (in
//! the wide forms) charts and steps, then the tree; at 60x10 verdict, bar,
//! worst guard and keys are left. The verdict is always the second row, as
//! long as there are six.

use ratatui::layout::Rect;

/// A part of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Panel {
    /// What is cut over, where, who leads, what time it is.
    Identity,
    /// The state's name and why.
    Verdict,
    /// Is it us, is production hurting, what stops it, what does undo cost.
    Answers,
    /// The phases.
    Rail,
    /// What runs now.
    Work,
    /// Guards, worst first.
    Guards,
    /// The next boundary's gates.
    Gates,
    /// Who blocks whom.
    Tree,
    /// What happened.
    Events,
    /// Figures over time.
    Charts,
    /// Steps of all phases.
    Steps,
    /// A step's SQL and its undo.
    Detail,
    /// Old against new data.
    Parity,
    /// The runbook's notes.
    Notes,
    /// Who is attached; only ever as a page.
    People,
    /// What whoever takes the wheel has to know; only ever as a page.
    Handover,
    /// The debug log; only ever as a page.
    Log,
    /// Answers to requests.
    Message,
    /// Keys.
    Footer,
}

const PANELS: usize = Panel::Footer as usize + 1;

/// Where each panel stands; a panel without a place is not drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    places: [Rect; PANELS],
    /// Between the rail and the message: where an opened page stands.
    pub body: Rect,
}

impl Layout {
    /// The panel's place, where it has one.
    pub fn get(&self, panel: Panel) -> Option<Rect> {
        let place = self.places[panel as usize];
        (!place.is_empty()).then_some(place)
    }

    /// Every panel that has a place.
    pub fn iter(&self) -> impl Iterator<Item = (Panel, Rect)> {
        ALL.into_iter()
            .filter_map(|panel| Some((panel, self.get(panel)?)))
    }

    fn put(&mut self, panel: Panel, place: Rect) {
        self.places[panel as usize] = place;
    }
}

const ALL: [Panel; PANELS] = [
    Panel::Identity,
    Panel::Verdict,
    Panel::Answers,
    Panel::Rail,
    Panel::Work,
    Panel::Guards,
    Panel::Gates,
    Panel::Tree,
    Panel::Events,
    Panel::Charts,
    Panel::Steps,
    Panel::Detail,
    Panel::Parity,
    Panel::Notes,
    Panel::People,
    Panel::Handover,
    Panel::Log,
    Panel::Message,
    Panel::Footer,
];

/// Panels of one column from the top, with the rows that each would like.
type Stack = [(Panel, u16)];

const NARROW: &Stack = &[
    (Panel::Identity, 1),
    (Panel::Verdict, 1),
    (Panel::Answers, 2),
    (Panel::Rail, 1),
    (Panel::Work, 3),
    (Panel::Guards, 3),
    (Panel::Gates, 4),
    (Panel::Tree, 3),
    (Panel::Events, 4),
    (Panel::Message, 1),
    (Panel::Footer, 1),
];

/// What gives way, in order, until the rest fits: to how many rows.
const SHRINK: &Stack = &[
    (Panel::Events, 3),
    (Panel::Events, 2),
    (Panel::Events, 0),
    (Panel::Charts, 0),
    (Panel::Notes, 0),
    (Panel::Parity, 0),
    (Panel::Detail, 0),
    (Panel::Steps, 0),
    (Panel::Tree, 2),
    (Panel::Gates, 3),
    (Panel::Tree, 0),
    (Panel::Gates, 2),
    (Panel::Guards, 2),
    (Panel::Work, 2),
    (Panel::Gates, 1),
    (Panel::Guards, 1),
    (Panel::Message, 0),
    (Panel::Gates, 0),
    (Panel::Answers, 1),
    (Panel::Rail, 0),
    (Panel::Identity, 0),
    (Panel::Answers, 0),
    (Panel::Work, 1),
    (Panel::Guards, 0),
    (Panel::Work, 0),
    (Panel::Footer, 0),
    (Panel::Verdict, 0),
];

/// Who takes spare rows, a row each in turn, up to how many; the last takes the rest.
const GROW_NARROW: &Stack = &[
    (Panel::Gates, 7),
    (Panel::Guards, 6),
    (Panel::Work, 5),
    (Panel::Tree, 8),
    (Panel::Events, u16::MAX),
];

const TOP: &Stack = &[
    (Panel::Identity, 1),
    (Panel::Verdict, 1),
    (Panel::Answers, 2),
    (Panel::Rail, 1),
];

const LEFT: &Stack = &[
    (Panel::Work, 5),
    (Panel::Guards, 5),
    (Panel::Gates, 5),
    (Panel::Tree, 4),
    (Panel::Events, 4),
];

const GROW_LEFT: &Stack = &[
    (Panel::Gates, 7),
    (Panel::Guards, 8),
    (Panel::Tree, 7),
    (Panel::Events, u16::MAX),
];

const RIGHT: &Stack = &[(Panel::Charts, 12), (Panel::Steps, 11)];

const GROW_RIGHT: &Stack = &[(Panel::Charts, 14), (Panel::Steps, u16::MAX)];

const RIGHT_TALL: &Stack = &[
    (Panel::Charts, 14),
    (Panel::Steps, 10),
    (Panel::Detail, 10),
    (Panel::Parity, 4),
    (Panel::Notes, 4),
];

const GROW_RIGHT_TALL: &Stack = &[
    (Panel::Charts, 17),
    (Panel::Steps, 20),
    (Panel::Detail, 16),
    (Panel::Notes, u16::MAX),
];

/// Places every panel.
pub fn arrange(area: Rect) -> Layout {
    let mut layout = Layout {
        places: [Rect::ZERO; PANELS],
        body: Rect::ZERO,
    };
    if area.width >= 110 && area.height >= 30 {
        wide(&mut layout, area);
    } else {
        stack(&mut layout, area, NARROW, GROW_NARROW);
    }
    layout.body = body(&layout, area);
    layout
}

/// Two columns between the rows that are always there.
fn wide(layout: &mut Layout, area: Rect) {
    let top = TOP.iter().map(|(_, rows)| rows).sum::<u16>();
    let middle = Rect {
        y: area.y + top,
        height: area.height - top - 2,
        ..area
    };
    let row = |y| Rect {
        y,
        height: 1,
        ..area
    };
    stack(
        layout,
        Rect {
            height: top,
            ..area
        },
        TOP,
        &[],
    );
    layout.put(Panel::Message, row(middle.bottom()));
    layout.put(Panel::Footer, row(middle.bottom() + 1));

    let left = Rect {
        width: (area.width * 58).div_ceil(100),
        ..middle
    };
    let right = Rect {
        x: left.right() + 2,
        width: middle.right() - left.right() - 2,
        ..middle
    };
    stack(layout, left, LEFT, GROW_LEFT);
    if area.height >= 48 {
        stack(layout, right, RIGHT_TALL, GROW_RIGHT_TALL);
    } else {
        stack(layout, right, RIGHT, GROW_RIGHT);
    }
}

/// Stacks panels into a column: shrunk where there are too few rows, grown
/// where there are more.
fn stack(layout: &mut Layout, area: Rect, wants: &Stack, grow: &Stack) {
    if area.width == 0 {
        return;
    }
    let mut rows: Vec<(Panel, u16)> = wants.to_vec();
    let mut left = i32::from(area.height) - wants.iter().map(|(_, r)| i32::from(*r)).sum::<i32>();
    for (panel, to) in SHRINK {
        if left >= 0 {
            break;
        }
        if let Some((_, rows)) = rows.iter_mut().find(|(p, rows)| p == panel && rows > to) {
            // A panel that gives way altogether may leave a row too many.
            left += i32::from(*rows - to);
            *rows = *to;
        }
    }
    while left > 0 {
        let before = left;
        for (panel, up_to) in grow {
            let found = rows
                .iter_mut()
                .find(|(p, rows)| p == panel && *rows > 0 && rows < up_to);
            if let (Some((_, rows)), true) = (found, left > 0) {
                *rows += 1;
                left -= 1;
            }
        }
        if left == before {
            break;
        }
    }
    let mut y = area.y;
    for (panel, height) in rows {
        layout.put(panel, Rect { y, height, ..area });
        y += height;
    }
}

/// What an opened page may cover: everything but the answers above and the
/// keys below.
fn body(layout: &Layout, area: Rect) -> Rect {
    let above = [Panel::Rail, Panel::Answers, Panel::Verdict];
    let below = [Panel::Message, Panel::Footer];
    let top = above.iter().find_map(|p| layout.get(*p));
    let bottom = below.iter().find_map(|p| layout.get(*p));
    let top = top.map_or(area.y, |place| place.bottom());
    let bottom = bottom.map_or(area.bottom(), |place| place.y);
    Rect {
        y: top,
        height: bottom.saturating_sub(top),
        ..area
    }
}

#[cfg(test)]
mod tests;
