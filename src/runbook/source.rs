//! Owns where a text came from: the files of a runbook, places in them, and
//! texts that remember their places; never reads a disk.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::secret::{hide, without_passwords};

/// Gives the text of SQL files, named relative to the runbook. The core stays
/// pure: `app` reads a directory, tests use a map.
pub trait Files {
    /// The text of one file.
    ///
    /// # Errors
    /// Says why it cannot be had, for a diagnostic.
    fn read(&self, path: &str) -> Result<String, String>;
}

impl Files for BTreeMap<String, String> {
    fn read(&self, path: &str) -> Result<String, String> {
        self.get(path).cloned().ok_or_else(|| "no such file".into())
    }
}

/// One file of a [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(usize);

/// The runbook file itself.
pub const RUNBOOK: FileId = FileId(0);

/// A stretch of a file, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Which file.
    pub file: FileId,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Place {
    /// A stretch of the runbook file.
    pub fn in_runbook(span: Range<usize>) -> Self {
        Self::new(RUNBOOK, span)
    }

    /// A stretch of any file.
    pub fn new(file: FileId, span: Range<usize>) -> Self {
        Self {
            file,
            start: span.start,
            end: span.end,
        }
    }
}

/// The runbook and every SQL file that it includes, as diagnostics show them.
#[derive(Debug, Clone)]
pub struct Sources(Vec<Source>);

#[derive(Debug, Clone)]
struct Source {
    name: String,
    text: String,
}

impl Sources {
    /// Begins with the runbook.
    pub(super) fn new(name: &str, text: &str) -> Self {
        Self(vec![Source {
            name: name.into(),
            text: without_passwords(text),
        }])
    }

    /// Adds an included file, whose shown name stands beside the runbook's.
    pub(super) fn add(&mut self, path: &str, text: &str) -> FileId {
        let name = match self.0[0].name.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{path}"),
            None => path.into(),
        };
        self.0.push(Source {
            name,
            text: without_passwords(text),
        });
        FileId(self.0.len() - 1)
    }

    /// The file's shown name.
    pub fn name(&self, file: FileId) -> &str {
        &self.0[file.0].name
    }

    /// The file's text, with secrets masked.
    pub fn text(&self, file: FileId) -> &str {
        &self.0[file.0].text
    }

    /// Line and column of a place's start, from one; columns count characters.
    pub fn line_column(&self, place: Place) -> (usize, usize) {
        let before = self.text(place.file).get(..place.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        (line, column)
    }

    /// Hides a secret from everything that is shown afterwards; offsets stay.
    pub(super) fn mask(&mut self, place: Place) {
        hide(&mut self.0[place.file.0].text, place.start..place.end);
    }
}

/// A text and, for each stretch of it, the place that it came from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mapped {
    pub(super) text: String,
    pieces: Vec<Piece>,
}

/// A stretch of a [`Mapped`] text.
#[derive(Debug, Clone, PartialEq)]
struct Piece {
    /// Where it begins in the text; it ends where the next one begins.
    at: usize,
    place: Place,
    /// Byte for byte the same as its place; otherwise it maps as a whole.
    verbatim: bool,
}

impl Mapped {
    /// Nothing yet, to be [`Mapped::push`]ed to.
    pub(super) fn empty() -> Self {
        Self {
            text: String::new(),
            pieces: Vec::new(),
        }
    }

    /// A whole file.
    pub(super) fn file(file: FileId, text: &str) -> Self {
        let mut mapped = Self::empty();
        mapped.push(text, Place::new(file, 0..text.len()), true);
        mapped
    }

    /// Appends a stretch.
    pub(super) fn push(&mut self, text: &str, place: Place, verbatim: bool) {
        let at = self.text.len();
        self.pieces.push(Piece {
            at,
            place,
            verbatim,
        });
        self.text.push_str(text);
    }

    /// Appends a stretch of another mapped text.
    pub(super) fn push_slice(&mut self, from: &Mapped, range: Range<usize>) {
        for (i, piece) in from.pieces.iter().enumerate() {
            let piece_end = from
                .pieces
                .get(i + 1)
                .map_or(from.text.len(), |next| next.at);
            let (start, end) = (piece.at.max(range.start), piece_end.min(range.end));
            if start < end {
                let place = from.place(start..end);
                self.push(&from.text[start..end], place, piece.verbatim);
            }
        }
    }

    /// The place that a stretch of the text came from.
    pub(super) fn place(&self, range: Range<usize>) -> Place {
        let Some(first) = self.piece(range.start) else {
            return Place::in_runbook(0..0);
        };
        let start = match first.verbatim {
            true => first.place.start + (range.start - first.at),
            false => first.place.start,
        };
        if range.is_empty() {
            return Place::new(first.place.file, start..start);
        }
        let last = self.piece(range.end - 1).unwrap_or(first);
        let end = match last.verbatim {
            true => last.place.start + (range.end - last.at),
            false => last.place.end,
        };
        Place::new(first.place.file, start..end.max(start))
    }

    fn piece(&self, offset: usize) -> Option<&Piece> {
        let after = self.pieces.partition_point(|piece| piece.at <= offset);
        self.pieces.get(after.saturating_sub(1))
    }
}
