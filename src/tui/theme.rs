//! Owns colours and glyphs; never what they are used for.
//!
//! Only the terminal's own 16 colours. Good is cyan and trouble is yellow or
//! bold red: told apart without the red-green axis, and always by a word as
//! well. Without colours, weight and reversal carry the same order.

use ratatui::style::{Color, Modifier, Style};

pub use crate::report::sentence::Tone;

/// How things look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    colours: bool,
    /// The characters beyond letters and digits.
    pub glyphs: &'static Glyphs,
}

/// The characters beyond letters and digits; each is one column wide.
#[derive(Debug, PartialEq, Eq)]
pub struct Glyphs {
    /// Levels of a bar in one cell, empty first, full last.
    pub levels: [&'static str; 9],
    /// A bar's done part.
    pub full: &'static str,
    /// A bar's part to do.
    pub empty: &'static str,
    /// Below the top of a chart.
    pub shade: &'static str,
    /// A horizontal rule.
    pub rule: &'static str,
    /// A vertical rule.
    pub side: &'static str,
    /// Done.
    pub done: &'static str,
    /// Current.
    pub current: &'static str,
    /// To do.
    pub open: &'static str,
    /// Needs a look.
    pub warn: &'static str,
    /// Needs somebody.
    pub bad: &'static str,
    /// As it should be.
    pub good: &'static str,
    /// Selected row.
    pub cursor: &'static str,
    /// A child that has siblings below it.
    pub branch: &'static str,
    /// The last child.
    pub twig: &'static str,
    /// Text was cut here.
    pub cut: &'static str,
    /// An event's mark below a chart.
    pub mark: &'static str,
    /// Between two parts of a sentence.
    pub dot: &'static str,
}

/// For terminals that show Unicode.
static UNICODE: Glyphs = Glyphs {
    levels: [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    full: "█",
    empty: "░",
    shade: "░",
    rule: "─",
    side: "│",
    done: "✓",
    current: "▸",
    open: "·",
    warn: "▲",
    bad: "✗",
    good: "✓",
    cursor: "›",
    branch: "├─",
    twig: "└─",
    cut: "…",
    mark: "▴",
    dot: "·",
};

/// For `--ascii`.
static ASCII: Glyphs = Glyphs {
    levels: [" ", ".", ":", "-", "=", "+", "*", "%", "#"],
    full: "#",
    empty: "-",
    shade: ":",
    rule: "-",
    side: "|",
    done: "x",
    current: ">",
    open: " ",
    warn: "!",
    bad: "X",
    good: "+",
    cursor: ">",
    branch: "|-",
    twig: "`-",
    cut: "~",
    mark: "^",
    dot: "-",
};

impl Theme {
    /// With or without colours, in Unicode or ASCII.
    pub fn new(colours: bool, ascii: bool) -> Self {
        Self {
            colours,
            glyphs: if ascii { &ASCII } else { &UNICODE },
        }
    }

    /// How text of this tone looks.
    pub fn style(&self, tone: Tone) -> Style {
        let (colour, modifier) = match tone {
            Tone::Quiet => (None, Modifier::DIM),
            Tone::Plain => (None, Modifier::empty()),
            Tone::Good => (Some(Color::Cyan), Modifier::empty()),
            Tone::Note => (Some(Color::LightBlue), Modifier::BOLD),
            Tone::Warn => (Some(Color::Yellow), Modifier::BOLD),
            Tone::Bad => (Some(Color::LightRed), Modifier::BOLD),
        };
        let style = Style::new().add_modifier(modifier);
        match colour.filter(|_| self.colours) {
            Some(colour) => style.fg(colour),
            // Without colours, what needs somebody still stands out.
            None if tone == Tone::Bad => style.add_modifier(Modifier::UNDERLINED),
            None => style,
        }
    }

    /// A word set off from its row, like a label on a switchboard.
    pub fn chip(&self, tone: Tone) -> Style {
        self.style(tone)
            .add_modifier(Modifier::REVERSED | Modifier::BOLD)
    }

    /// A panel's title.
    pub fn title(&self, focused: bool) -> Style {
        // It stands on a quiet rule, whose dimness would shine through.
        let style = Style::new()
            .add_modifier(Modifier::BOLD)
            .remove_modifier(Modifier::DIM);
        match (focused, self.colours) {
            (true, _) => style.add_modifier(Modifier::REVERSED),
            (false, true) => style.fg(Color::Cyan),
            (false, false) => style,
        }
    }

    /// A glyph that goes with a tone; a word stands beside it.
    pub fn glyph(&self, tone: Tone) -> &'static str {
        match tone {
            Tone::Bad => self.glyphs.bad,
            Tone::Warn => self.glyphs.warn,
            Tone::Good => self.glyphs.good,
            Tone::Quiet | Tone::Plain | Tone::Note => " ",
        }
    }
}
