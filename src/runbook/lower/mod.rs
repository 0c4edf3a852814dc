//! Owns raw shapes -> [`Runbook`], collecting every fault in one pass; never
//! reads a file, a variable of the environment or a catalog.
//!
//! A value that is faulty is told and replaced by a stand-in, so that the rest
//! is still looked at; a runbook comes out only where nothing was told.

mod action;
mod backfill;
mod compatible;
mod gate;
mod guard;
mod head;
mod names;
mod phase;
mod reversal;
mod scalar;
mod sql;
mod step;
mod threshold;
mod vars;

use std::collections::BTreeMap;
use std::ops::Range;

use crate::digest::sha256_hex;

use super::diagnostic::{Diagnostic, Severity};
use super::raw::{At, Document};
use super::source::{FileId, Files, Mapped, Place, Sources};
use super::sql::lint::Unit;
use super::tree::{self, Damage};
use super::{ConnectionId, FORMAT, Runbook, toml_string};
use names::Names;
use reversal::AddedColumn;
pub use scalar::parse_duration;
use step::Accepted;
use vars::{Render, Vars};

/// What became of a runbook's text.
#[derive(Debug)]
pub struct Loaded {
    /// Present exactly when there is no fault.
    pub runbook: Option<Runbook>,
    /// Everything that is wrong, in the order of the file.
    pub faults: Vec<Diagnostic>,
    /// Everything that a reviewer should know.
    pub warnings: Vec<Diagnostic>,
    /// The files that they point into.
    pub sources: Sources,
    /// The environments that the runbook has, by name: `check` loads each, for
    /// a value of one that is not chosen is not looked at.
    pub environments: Vec<String>,
}

impl Loaded {
    /// All faults and warnings as text, a blank line between two.
    pub fn render(&self, colour: bool) -> String {
        let all = self.faults.iter().chain(&self.warnings);
        let texts: Vec<_> = all.map(|told| told.render(&self.sources, colour)).collect();
        texts.join("\n\n")
    }
}

/// Loads a runbook. `name` is shown in diagnostics; `environment` chooses an
/// `[environments.NAME]` to lay over it.
pub fn load(text: &str, name: &str, files: &dyn Files, environment: Option<&str>) -> Loaded {
    let mut sources = Sources::new(name, text);
    let shaped = tree::shape(text, environment, &mut sources);
    let mut lowering = Lowering {
        source: text,
        files,
        sources,
        damage: shaped.damage,
        found: shaped.found,
        vars: Vars::default(),
        connections: Vec::new(),
        names: Names::default(),
        included: BTreeMap::new(),
        units: Vec::new(),
        accepted: Vec::new(),
        added: Vec::new(),
    };
    let document = shaped.document.as_ref();
    let runbook = document.map(|document| lowering.document(document, environment));
    let environments = document.map(|document| &document.environments.0);
    let environments = environments
        .into_iter()
        .flatten()
        .map(|(name, _)| name.value.clone());
    lowering.finish(runbook, environments.collect())
}

/// The state of one pass over the raw shapes.
struct Lowering<'a> {
    source: &'a str,
    files: &'a dyn Files,
    sources: Sources,
    damage: Damage,
    found: Vec<Diagnostic>,
    vars: Vars,
    connections: Vec<ConnectionId>,
    names: Names,
    /// SQL files by path, in the order of their names: what the hash covers.
    included: BTreeMap<String, (FileId, String)>,
    /// All SQL, to be linted as a whole at the end.
    units: Vec<Unit>,
    /// What each step accepts, by the index that its units carry.
    accepted: Vec<Vec<Accepted>>,
    /// Columns that steps so far add and their undos drop.
    added: Vec<AddedColumn>,
}

impl Lowering<'_> {
    /// Lowers everything; each part tells its own faults.
    fn document(&mut self, raw: &Document, environment: Option<&str>) -> Runbook {
        if raw.format.value != FORMAT {
            let message = format!(
                "this program reads format {FORMAT}, not {}",
                raw.format.value
            );
            self.fault("bad-value", &raw.format.span, message);
        }
        self.vars = self.read_vars(&raw.vars);
        self.names = self.collect_names(raw);
        let connections = self.connections(&raw.connections);
        self.connections = connections
            .iter()
            .map(|connection| connection.id.clone())
            .collect();
        let cutover = self.cutover(raw, environment);
        let journal = match &raw.journal {
            Some(journal) => self.connection(Some(&journal.on)),
            None => self.connection(None),
        };
        let roles = self.roles(&raw.roles);
        let window = raw.window.as_ref().map(|window| self.window(&window.value));
        let ddl = self.ddl(raw.ddl.as_ref());
        let guards = raw
            .guard
            .iter()
            .filter_map(|guard| self.guard(guard, connections.first()))
            .collect();
        let phases = self.phases(raw);
        Runbook {
            hash: String::new(),
            cutover,
            connections,
            journal,
            roles,
            window,
            ddl,
            guards,
            phases,
        }
    }

    /// Sorts what was told, and gives the runbook out where that is no fault.
    fn finish(mut self, runbook: Option<Runbook>, environments: Vec<String>) -> Loaded {
        self.found
            .sort_by_key(|told| (told.place.file, told.place.start, told.code));
        self.found.dedup();
        let (faults, warnings): (Vec<_>, Vec<_>) = self
            .found
            .into_iter()
            .partition(|told| told.severity == Severity::Fault);
        let included = self
            .included
            .iter()
            .map(|(path, (_, text))| (path.as_str(), text.as_str()));
        let hash = hash(self.source, included);
        let runbook = runbook.filter(|_| faults.is_empty());
        Loaded {
            runbook: runbook.map(|runbook| Runbook { hash, ..runbook }),
            faults,
            warnings,
            sources: self.sources,
            environments,
        }
    }

    /// Tells a fault at a span of the runbook file.
    fn fault(&mut self, code: &'static str, span: &Range<usize>, message: impl Into<String>) {
        let place = Place::in_runbook(span.clone());
        self.found.push(Diagnostic::fault(code, place, message));
    }

    /// As [`Self::fault`], and says what to do.
    fn fault_with(
        &mut self,
        code: &'static str,
        span: &Range<usize>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let place = Place::in_runbook(span.clone());
        self.found
            .push(Diagnostic::fault(code, place, message).hint(hint));
    }

    /// A string with its variables rendered, and where each stretch came from.
    fn mapped(&mut self, raw: &At<String>, render: Render) -> Mapped {
        let literal = toml_string::map(self.source, raw.span.clone(), &raw.value);
        self.vars.render(&literal, render, &mut self.found)
    }

    /// A string outside SQL, with its variables.
    fn plain(&mut self, raw: &At<String>) -> String {
        self.mapped(raw, Render::Plain).text
    }

    /// A string outside SQL that has to say something.
    fn said(&mut self, raw: &At<String>) -> String {
        let text = self.plain(raw);
        if text.trim().is_empty() {
            self.fault("bad-value", &raw.span, "this says nothing");
        }
        text
    }

    /// A connection by name, or the first one.
    fn connection(&mut self, raw: Option<&At<String>>) -> ConnectionId {
        let first = self
            .connections
            .first()
            .cloned()
            .unwrap_or_else(|| ConnectionId::new("main"));
        let Some(raw) = raw else {
            return first;
        };
        let wanted = ConnectionId::new(raw.value.clone());
        if !self.connections.contains(&wanted) && !self.damage.lost(&raw.value) {
            let known: Vec<_> = self
                .connections
                .iter()
                .map(|id| format!("`{id}`"))
                .collect();
            self.fault_with(
                "dangling-id",
                &raw.span,
                format!("there is no connection `{}`", raw.value),
                format!("there are: {}", known.join(", ")),
            );
        }
        wanted
    }
}

/// SHA-256 over the runbook and its files, each with its length, in the order
/// of the files' names.
fn hash<'t>(runbook: &'t str, files: impl Iterator<Item = (&'t str, &'t str)>) -> String {
    let texts = std::iter::once(("", runbook)).chain(files);
    let texts: Vec<&[u8]> = texts
        .flat_map(|(name, text)| [name.as_bytes(), text.as_bytes()])
        .collect();
    let lengths: Vec<[u8; 8]> = texts
        .iter()
        .map(|text| (text.len() as u64).to_be_bytes())
        .collect();
    let parts = lengths
        .iter()
        .zip(&texts)
        .flat_map(|(length, text)| [&length[..], text]);
    sha256_hex(parts)
}
