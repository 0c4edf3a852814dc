//! Turns frames into bytes: only what differs from the frame before, between
//! the marks of a synchronized update. Owns what the terminal shows; pure.

use std::io;

use crossterm::queue;
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;

/// What the terminal shows, as far as is known.
#[derive(Debug, Default)]
pub struct Painter {
    shown: Option<Buffer>,
}

impl Painter {
    /// The bytes that bring the terminal to this frame; none when it shows it.
    ///
    /// # Errors
    /// None in practice: the bytes go into memory.
    pub fn paint(&mut self, next: Buffer) -> io::Result<Vec<u8>> {
        let known = self.shown.take().filter(|shown| shown.area == next.area);
        let fresh = known.is_none();
        let before = known.unwrap_or_else(|| Buffer::empty(next.area));
        let mut bytes = Vec::new();
        let changes = before.diff(&next);
        if fresh || !changes.is_empty() {
            queue!(bytes, BeginSynchronizedUpdate)?;
            if fresh {
                queue!(bytes, Clear(ClearType::All))?;
            }
            CrosstermBackend::new(&mut bytes).draw(changes.into_iter())?;
            queue!(bytes, EndSynchronizedUpdate)?;
        }
        self.shown = Some(next);
        Ok(bytes)
    }

    /// Nothing is known of what the terminal shows.
    pub fn forget(&mut self) {
        self.shown = None;
    }
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;

    fn frame(text: &str) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 10, 2));
        buffer.set_string(0, 0, text, Style::new());
        buffer
    }

    #[test]
    fn an_unchanged_frame_is_no_bytes_at_all() {
        let mut painter = Painter::default();
        assert!(!painter.paint(frame("one")).expect("memory").is_empty());
        assert_eq!(painter.paint(frame("one")).expect("memory"), b"");
    }

    #[test]
    fn a_change_is_drawn_inside_a_synchronized_update() {
        let mut painter = Painter::default();
        painter.paint(frame("one")).expect("memory");
        let bytes = painter.paint(frame("onf")).expect("memory");
        let text = String::from_utf8(bytes).expect("text");
        assert!(
            text.starts_with("\x1b[?2026h") && text.ends_with("\x1b[?2026l"),
            "{text:?}"
        );
        assert!(text.contains('f') && !text.contains('o'), "{text:?}");
    }

    #[test]
    fn another_size_or_a_forgotten_screen_is_drawn_whole() {
        let mut painter = Painter::default();
        painter.paint(frame("one")).expect("memory");
        painter.forget();
        let bytes = painter.paint(frame("one")).expect("memory");
        let text = String::from_utf8(bytes).expect("text");
        assert!(text.contains("\x1b[2J") && text.contains("one"), "{text:?}");
    }
}
