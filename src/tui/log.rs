//! The program's own debug log, through tui-logger's global buffer.
//!
//! Owns how it is collected and drawn. Its mover thread (99 wake-ups a second)
//! is not started: records are moved when a frame that shows them is drawn.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;
use tui_logger::{TuiLoggerLevelOutput, TuiLoggerWidget, TuiTracingSubscriberLayer};

use super::theme::Tone;
use super::view::Scene;

/// The layer for the program's subscriber; records of this level and above.
/// Until a log page moves them out, 1,000 records are kept.
pub fn layer(level: tui_logger::LevelFilter) -> TuiTracingSubscriberLayer {
    tui_logger::set_default_level(level);
    TuiTracingSubscriberLayer
}

/// Draws the newest records.
pub(super) fn draw(scene: &Scene<'_>, place: Rect, buf: &mut Buffer) {
    tui_logger::move_events();
    TuiLoggerWidget::default()
        .style_error(scene.theme.style(Tone::Bad))
        .style_warn(scene.theme.style(Tone::Warn))
        .style_info(scene.theme.style(Tone::Plain))
        .style_debug(scene.theme.style(Tone::Quiet))
        .style_trace(scene.theme.style(Tone::Quiet))
        .output_level(Some(TuiLoggerLevelOutput::Abbreviated))
        .output_timestamp(Some("%H:%M:%S%.3f".into()))
        .output_target(true)
        .output_file(false)
        .output_line(false)
        .output_separator(' ')
        .render(place, buf);
}
