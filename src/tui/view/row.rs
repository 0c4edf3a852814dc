//! Owns how a row of cells is put together: every text of the screen goes
//! through here and is cleaned here; never what a row says.

use std::borrow::Cow;

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::text::{clean, fit};
use crate::tui::theme::{Theme, Tone};

/// A row under construction.
#[derive(Debug, Clone)]
pub struct Row {
    theme: Theme,
    line: Line<'static>,
}

impl Row {
    /// An empty row.
    pub fn new(theme: Theme) -> Self {
        Self {
            theme,
            line: Line::default(),
        }
    }

    /// Text of a tone, as long as it is.
    #[must_use]
    pub fn put(self, tone: Tone, text: impl AsRef<str>) -> Self {
        let style = self.theme.style(tone);
        self.styled(style, text)
    }

    /// Text of a style, as long as it is.
    #[must_use]
    pub fn styled(mut self, style: Style, text: impl AsRef<str>) -> Self {
        let text = clean(text.as_ref()).into_owned();
        if !text.is_empty() {
            self.line.push_span(Span::styled(text, style));
        }
        self
    }

    /// Text in a column of its own: cut or filled to the width.
    #[must_use]
    pub fn cell(self, tone: Tone, text: impl AsRef<str>, width: u16) -> Self {
        let text = fit(&clean(text.as_ref()), width.into(), self.theme.glyphs.cut);
        let fill = usize::from(width) - text.width();
        self.put(tone, text + &" ".repeat(fill))
    }

    /// The same at the column's right side, for numbers.
    #[must_use]
    pub fn number(self, tone: Tone, text: impl AsRef<str>, width: u16) -> Self {
        let text = fit(&clean(text.as_ref()), width.into(), self.theme.glyphs.cut);
        let fill = usize::from(width) - text.width();
        self.put(tone, " ".repeat(fill) + &text)
    }

    /// Columns without anything.
    #[must_use]
    pub fn gap(self, width: u16) -> Self {
        self.put(Tone::Plain, " ".repeat(usize::from(width)))
    }

    /// Another row's content behind this one's.
    #[must_use]
    pub fn join(mut self, other: Self) -> Self {
        self.line.spans.extend(other.line.spans);
        self
    }

    /// Columns so far.
    pub fn width(&self) -> u16 {
        u16::try_from(self.line.width()).unwrap_or(u16::MAX)
    }

    /// Cut to the width, with the sign that says so.
    #[must_use]
    pub fn fit(mut self, width: u16) -> Self {
        if self.width() <= width {
            return self;
        }
        let mut left = width;
        for span in &mut self.line.spans {
            let cut = fit(&span.content, left.into(), self.theme.glyphs.cut);
            left -= cut.width() as u16;
            span.content = Cow::Owned(cut);
        }
        self
    }
}

impl From<Row> for Line<'static> {
    fn from(row: Row) -> Self {
        row.line
    }
}

/// A text in lines of at most that width, broken at spaces where there are
/// any; every line keeps the first one's indent.
pub(super) fn wrap(text: &str, width: u16) -> Vec<String> {
    let width = usize::from(width.max(1));
    let body = text.trim_start_matches(' ');
    let indent = " ".repeat((text.len() - body.len()).min(width / 2));
    let mut lines = Vec::new();
    let mut line = indent.clone();
    for word in body.split(' ') {
        let fresh = line.len() == indent.len();
        if !fresh && line.width() + 1 + word.width() > width {
            lines.push(std::mem::replace(&mut line, indent.clone()));
        } else if !fresh {
            line.push(' ');
        }
        for c in word.chars() {
            if line.width() + c.width().unwrap_or(0) > width {
                lines.push(std::mem::replace(&mut line, indent.clone()));
            }
            line.push(c);
        }
    }
    lines.push(line);
    lines
}

/// A bar of so many columns, its done part rounded down.
pub(super) fn bar(theme: Theme, share: f64, width: u16) -> Row {
    let width = usize::from(width);
    let done = ((share.clamp(0.0, 1.0) * width as f64 + 1e-9).floor() as usize).min(width);
    Row::new(theme)
        .put(Tone::Good, theme.glyphs.full.repeat(done))
        .put(Tone::Quiet, theme.glyphs.empty.repeat(width - done))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_as_wide_as_its_column_whatever_stands_in_it() {
        let theme = Theme::new(true, false);
        for text in ["", "short", "much too long for it", "日本語日本語日本"] {
            let row = Row::new(theme).cell(Tone::Plain, text, 9);
            assert_eq!(row.width(), 9, "{text}");
        }
    }

    #[test]
    fn hostile_text_is_cleaned_on_its_way_into_a_row() {
        let row = Row::new(Theme::new(true, false)).put(Tone::Plain, "a\x1b[2J\u{202e}b");
        let text: String = Line::from(row)
            .spans
            .iter()
            .map(|s| s.content.clone())
            .collect();
        assert!(!text.contains(['\x1b', '\u{202e}']), "{text:?}");
    }

    #[test]
    fn long_words_are_broken_and_nothing_is_lost() {
        assert_eq!(wrap("one two", 5), ["one", "two"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("", 3), [""]);
        assert_eq!(wrap("  one two", 6), ["  one", "  two"]);
    }
}
