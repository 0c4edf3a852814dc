//! Owns how a fault in a runbook is told: code, place, carets and hint; never
//! finds one.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::source::{Place, Sources};
use crate::text::clean;

/// How much a diagnostic weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing runs until it is mended.
    Fault,
    /// Runs, but a reviewer should know; an accepted fault is one.
    Warning,
}

/// One thing to say about a place in the runbook or in one of its SQL files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable, such as `unknown-field`; listed in `runbooks/README.md`.
    pub code: &'static str,
    /// Fault or warning.
    pub severity: Severity,
    /// One sentence, lower case, values in backticks.
    pub message: String,
    /// Where the caret points.
    pub place: Place,
    /// Other places that explain it.
    pub labels: Vec<(Place, String)>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// A fault.
    pub fn fault(code: &'static str, place: Place, message: impl Into<String>) -> Self {
        debug_assert!(
            super::codes().any(|(known, _)| known == code),
            "`{code}` is not in the list of codes"
        );
        Self {
            code,
            severity: Severity::Fault,
            message: message.into(),
            place,
            labels: Vec::new(),
            hint: None,
        }
    }

    /// A warning.
    pub fn warning(code: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::fault(code, place, message)
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Points at another place too.
    #[must_use]
    pub fn label(mut self, place: Place, text: impl Into<String>) -> Self {
        self.labels.push((place, text.into()));
        self
    }

    /// The diagnostic as lines of text: title with code, `FILE:LINE:COLUMN`,
    /// the source with carets, the hint. Ends without a newline.
    pub fn render(&self, sources: &Sources, colour: bool) -> String {
        let level = match self.severity {
            Severity::Fault => Level::ERROR.with_name("fault"),
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(clean(&self.message)).id(self.code);
        let mut group = Group::with_title(title).element(self.snippet(sources, self.place.file));
        let mut others: Vec<_> = self.labels.iter().map(|(place, _)| place.file).collect();
        others.sort_unstable();
        others.dedup();
        for file in others.into_iter().filter(|file| *file != self.place.file) {
            group = group.element(self.snippet(sources, file));
        }
        if let Some(hint) = &self.hint {
            group = group.element(Level::HELP.with_name("hint").message(clean(hint)));
        }
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        renderer.render(&[group])
    }

    /// The stretch of one file that the diagnostic points into.
    fn snippet<'a>(
        &'a self,
        sources: &'a Sources,
        file: super::source::FileId,
    ) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        let text = sources.text(file);
        let span = |place: &Place| {
            let end = place.end.min(text.len());
            place.start.min(end)..end
        };
        let mut snippet = Snippet::source(text).path(sources.name(file));
        if self.place.file == file {
            snippet = snippet.annotation(AnnotationKind::Primary.span(span(&self.place)));
        }
        let labels = self.labels.iter().filter(|(place, _)| place.file == file);
        snippet.annotations(labels.map(|(place, text)| {
            AnnotationKind::Context
                .span(span(place))
                .label(text.as_str())
        }))
    }
}
