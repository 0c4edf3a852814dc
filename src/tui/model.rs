//! Owns what the screen knows: the newest snapshot, its history, and where the
//! person looks; never decides about the run. Changed by `update` alone.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tui_input::Input;

use super::Options;
use super::facts;
use super::history::History;
use super::layout::Panel;
use super::theme::{Theme, Tone};
use crate::engine::message::{Ask, IntentId};
use crate::engine::snapshot::{Link, Snapshot};
use crate::reading::elapsed;
use crate::run::event::Seq;
use crate::runbook::GateId;

/// Without a newer snapshot for so long, what is shown counts as old.
pub const OLD: Duration = Duration::from_secs(4);

/// Everything that a frame is drawn from.
#[derive(Debug, Clone)]
pub struct Model {
    /// The newest picture.
    pub snapshot: Arc<Snapshot>,
    /// When it came in, by this terminal's clock.
    pub received: Timestamp,
    /// This terminal's clock.
    pub clock: Timestamp,
    /// Figures over time.
    pub history: History,
    /// Columns and rows.
    pub size: (u16, u16),
    /// Colours and glyphs.
    pub theme: Theme,
    /// A panel that covers the others.
    pub page: Option<Panel>,
    /// The page covers everything but verdict and keys.
    pub full: bool,
    /// First line shown of the page, or of help.
    pub scroll: usize,
    /// The step whose detail is shown, in the order of [`super::facts::steps`];
    /// absent: the current one.
    pub selected: Option<usize>,
    /// What stands in front and takes the keys.
    pub dialog: Option<Dialog>,
    /// Only events that hold this text are listed.
    pub filter: String,
    /// The newest answer or refusal.
    pub notice: Option<Notice>,
    /// Requests without an answer yet.
    pub pending: Vec<(IntentId, Ask)>,
    pub(super) last_id: i64,
    pub(super) cards: u64,
}

/// What stands in front.
#[derive(Debug, Clone)]
pub enum Dialog {
    /// Something to confirm.
    Card(Card),
    /// How to leave.
    Leave,
    /// All keys.
    Help,
    /// All actions by name.
    Palette {
        /// What was typed.
        text: Input,
        /// The chosen row.
        choice: usize,
    },
    /// The filter of events, being typed.
    Filter(Input),
}

/// Something to confirm, bound to the state that was shown.
#[derive(Debug, Clone)]
pub struct Card {
    /// Tells this card from those before it.
    pub number: u64,
    /// What.
    pub kind: CardKind,
    /// [`crate::run::Run::material`] when it was opened or looked at again.
    pub saw: Seq,
    /// [`crate::run::Run::head_hash`] then.
    pub saw_hash: String,
    /// A frame with it has been drawn; before that nothing confirms it.
    pub shown: bool,
    /// The gate that it is about, where it is about one: by name, because the
    /// list changes when another one opens.
    pub gate: Option<GateId>,
    /// The typed id or reason.
    pub text: Input,
    /// Keys go into the text.
    pub typing: bool,
    /// First line shown.
    pub scroll: usize,
}

/// What a card asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CardKind {
    /// Cross the next boundary.
    Advance,
    /// Take the current phase back.
    RollBack,
    /// Take every phase back.
    Unwind,
    /// End the hold.
    Release,
    /// Answer for a seat.
    Sign,
    /// Open a gate with a reason.
    Waive,
    /// Answer a manual step.
    Answer,
    /// Settle a failed task or a doubt.
    Resolve,
    /// Cancel a running statement.
    Cancel,
    /// Hand the lead over.
    Consent,
}

/// One line about what was just asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// The line.
    pub text: String,
    /// Its weight.
    pub tone: Tone,
    /// When, by this terminal's clock.
    pub at: Timestamp,
}

impl Model {
    /// A screen that has seen one snapshot.
    pub fn new(
        snapshot: Arc<Snapshot>,
        options: &Options,
        clock: Timestamp,
        size: (u16, u16),
    ) -> Self {
        let mut history = History::default();
        history.record(&snapshot);
        // Whoever has just taken the wheel sees first what they have to know.
        let taken = snapshot.run.lead.as_ref();
        let taken = snapshot.leads() && taken.is_some_and(|lead| lead.took_over());
        Self {
            snapshot,
            received: clock,
            clock,
            history,
            size,
            theme: options.theme,
            page: taken.then_some(Panel::Handover),
            full: false,
            scroll: 0,
            selected: None,
            dialog: None,
            filter: String::new(),
            notice: None,
            pending: Vec::new(),
            last_id: 0,
            cards: 0,
        }
    }

    /// The publisher's clock, carried on by this terminal's.
    pub fn now(&self) -> Timestamp {
        self.snapshot.now + self.unseen()
    }

    /// How long ago the newest snapshot came in.
    pub fn unseen(&self) -> Duration {
        elapsed(self.received, self.clock)
    }

    /// How old the lead's own words are.
    pub fn age(&self) -> Duration {
        self.snapshot.age(self.now())
    }

    /// Since when what is shown may be untrue: the link is down, or the lead
    /// has not been heard for [`OLD`]. What has ended does not age.
    pub fn old(&self) -> Option<Duration> {
        match &self.snapshot.link {
            Link::Down { since, .. } => Some(elapsed(*since, self.now())),
            Link::Up if self.snapshot.run.outcome.is_some() => None,
            Link::Up => Some(self.age()).filter(|age| *age >= OLD),
        }
    }

    /// Brings a card about the state as it is now to the front.
    pub(super) fn bring(&mut self, kind: CardKind, typing: bool) -> &mut Card {
        self.cards += 1;
        let card = Card {
            number: self.cards,
            kind,
            saw: self.snapshot.run.material,
            saw_hash: self.snapshot.run.head_hash.clone(),
            shown: false,
            gate: facts::choices(kind, &self.snapshot)
                .first()
                .map(|gate| gate.gate.clone()),
            text: Input::default(),
            typing,
            scroll: 0,
        };
        match self.dialog.insert(Dialog::Card(card)) {
            Dialog::Card(card) => card,
            _ => unreachable!("a card was put there"),
        }
    }

    /// What a card was bound to is not so any more: for a signature what is
    /// signed, for anything else all that a person who decides has to have seen.
    pub fn is_stale(&self, card: &Card) -> bool {
        let run = &self.snapshot.run;
        let rests_on = match card.kind {
            CardKind::Sign => run.evidence,
            _ => run.material,
        };
        let choices = facts::choices(card.kind, &self.snapshot);
        let gone = |gate: &GateId| !choices.iter().any(|choice| choice.gate == *gate);
        card.saw < rests_on || card.gate.as_ref().is_some_and(gone)
    }
}
