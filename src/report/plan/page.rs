//! Owns the lines of a page: indents, wraps and cleans; never knows what they say.

use unicode_width::UnicodeWidthStr;

use crate::text::{clean, clean_lines};

/// Columns of a page, SQL apart.
const WIDTH: usize = 100;

/// Text that grows line by line. Everything on it is clean.
#[derive(Default)]
pub(super) struct Page {
    text: String,
}

impl Page {
    /// One line, as it is.
    pub(super) fn line(&mut self, indent: usize, line: &str) {
        let line = format!("{:indent$}{}", "", clean(line));
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// An empty line, but never two.
    pub(super) fn blank(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// A sentence, wrapped; what follows its first line is indented further.
    pub(super) fn prose(&mut self, indent: usize, text: &str) {
        let text = clean(text);
        let mut line = String::new();
        let mut at = indent;
        for word in text.split_whitespace() {
            let full = at + line.width() + 1 + word.width() > WIDTH;
            if full && !line.is_empty() {
                self.line(at, &line);
                at = indent + 2;
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(at, &line);
    }

    /// SQL or the like, verbatim: its own lines and its own indents.
    pub(super) fn verbatim(&mut self, indent: usize, text: &str) {
        for line in clean_lines(text) {
            self.line(indent, &line);
        }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}
