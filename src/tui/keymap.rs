//! The one table of keys: dispatch, footer, help and palette come from it.
//!
//! Owns which key means what where; never what an action does (`update`) or
//! whether it can (`can`). `Space` stands first and everywhere: in dialogs and
//! in text too, hence a text's space is typed as `_`.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::can::{self, Able};
use super::layout::Panel;
use super::model::{Dialog, Model};

/// What a key asks of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Nothing new starts.
    Hold,
    /// Ctrl-C: hold and ask how to leave, or leave.
    Interrupt,
    /// Ctrl-Z.
    Suspend,
    /// Draw everything anew.
    Redraw,
    /// Ends the hold.
    Release,
    /// Lets the backfill go on.
    Resume,
    /// Stops the backfill at the end of its chunk.
    Pause,
    /// Lowers the ceiling.
    Slower,
    /// Lets a worker of the backfill go.
    Fewer,
    /// Gives the backfill another worker.
    More,
    /// Raises the ceiling.
    Faster,
    /// Opens the advance card.
    Advance,
    /// Opens the sign card.
    Sign,
    /// Opens the card of the open question.
    Answer,
    /// Opens the rollback card.
    RollBack,
    /// Opens the unwind card.
    Unwind,
    /// Opens the waiver card.
    Waive,
    /// Opens the card that cancels a statement.
    Cancel,
    /// Opens the card that hands the lead over.
    Consent,
    /// Opens a panel as a page, or closes it.
    Open(Panel),
    /// Lets the page cover more.
    Full,
    /// Types a filter for events.
    Filter,
    /// Lists actions by name.
    Palette,
    /// Lists keys.
    Help,
    /// Closes what is open, else asks how to leave.
    Leave,
    /// A row or a line down.
    Down,
    /// A row or a line up.
    Up,
    /// Ten lines down.
    PageDown,
    /// Ten lines up.
    PageUp,
    /// Does what the card says.
    Confirm,
    /// The card's second answer.
    Deny,
    /// Binds the card to the state as it is now.
    LookAgain,
    /// Into the card's text, or out of it.
    Text,
    /// Takes what was typed or chosen.
    Accept,
    /// Closes without doing anything.
    Close,
    /// Hold, wait for it, and end.
    HoldAndLeave,
    /// End the screen alone.
    GoOn,
}

/// Where a key means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// Always, before anything else.
    Everywhere,
    /// Without a dialog.
    Main,
    /// In a card.
    Card,
    /// While text is typed: filter, palette, a card's text.
    Text,
    /// In the question how to leave.
    Leave,
    /// In the help.
    Help,
}

/// When the footer shows a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// Always, greyed where it cannot act.
    Always,
    /// Only where it can act.
    Able,
    /// Help alone lists it.
    Never,
}

/// One row of the table.
#[derive(Debug)]
pub struct Binding {
    /// Its keys; the first is the one that is shown.
    pub keys: &'static [Key],
    /// What it asks.
    pub action: Action,
    /// Where.
    pub context: Context,
    /// Its word in the footer and its name in the palette.
    pub word: &'static str,
    /// When the footer shows it.
    pub show: Show,
    /// Its sentence in the help.
    pub help: &'static str,
    /// Whether it can act, or why not.
    pub can: fn(&Model) -> Able,
}

/// A key as the table writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A character, whatever Shift says.
    Char(char),
    /// A character with Ctrl.
    Ctrl(char),
    /// Any other key.
    Code(KeyCode),
}

impl Key {
    /// Whether this is the key that was pressed.
    pub fn matches(self, event: &KeyEvent) -> bool {
        let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
        let alt = event.modifiers.contains(KeyModifiers::ALT);
        match self {
            Self::Char(c) => !ctrl && !alt && event.code == KeyCode::Char(c),
            Self::Ctrl(c) => ctrl && event.code == KeyCode::Char(c),
            Self::Code(code) => event.code == code,
        }
    }

    /// Its name on the screen.
    pub fn name(self) -> String {
        match self {
            Self::Char(' ') => "SPACE".into(),
            Self::Char(c) => c.into(),
            Self::Ctrl(c) => format!("Ctrl-{}", c.to_ascii_uppercase()),
            Self::Code(code) => code.to_string(),
        }
    }
}

impl Binding {
    /// The names of all its keys.
    pub fn key_names(&self) -> String {
        let names: Vec<_> = self.keys.iter().map(|key| key.name()).collect();
        names.join(" ")
    }
}

macro_rules! keys {
    ($($context:ident: $([$($key:expr),+] $action:expr, $word:literal, $show:ident, $can:ident, $help:literal;)+)+) => {
        &[$($(Binding {
            keys: &[$($key),+],
            action: $action,
            context: Context::$context,
            word: $word,
            show: Show::$show,
            help: $help,
            can: can::$can,
        }),+),+]
    };
}

use Action::*;
use Key::{Char, Code, Ctrl};
use KeyCode as K;

/// All keys. The order is the footer's and the help's.
#[rustfmt::skip]
pub static KEYMAP: &[Binding] = keys! {
    Everywhere:
        [Char(' ')] Hold, "hold", Always, hold, "hold the run, at once and without asking: nothing new starts, running work stops at its next safe point; never a toggle";
        [Ctrl('c')] Interrupt, "stop", Never, always, "the lead: hold, then ask how to leave; an observer: leave";
        [Ctrl('z')] Suspend, "suspend", Never, suspend, "refused on the lead: a stopped lead would keep its locks";
        [Ctrl('l')] Redraw, "redraw", Never, always, "draw the whole screen anew";
    Main:
        [Char('r')] Release, "release", Able, release, "release the hold; asks first";
        [Char('o')] Answer, "answer", Able, answer, "answer what waits for a person: a manual step, a failure, a doubt";
        [Char('s')] Sign, "sign", Able, sign, "sign GO or NO-GO for a seat";
        [Char('r')] Resume, "resume", Able, resume, "let a paused backfill go on";
        [Char('T')] Consent, "hand over", Able, consent, "answer who asks to take over the lead; asks first";
        [Char('x')] Cancel, "cancel", Able, cancel, "cancel a statement that a hold left running";
        [Char('p')] Pause, "pause", Able, pause, "pause the backfill alone, at the end of its chunk";
        [Char('-')] Slower, "pace", Able, pace, "lower the ceiling of the backfill's pace";
        [Char('+'), Char('=')] Faster, "pace", Able, pace, "raise the ceiling of the backfill's pace";
        [Char('a')] Advance, "advance", Always, advance, "advance: shows the gates, what runs next and the way back, then asks";
        [Char('b')] RollBack, "roll back", Always, roll_back, "take the current phase back: shows what runs and what is lost, then asks";
        [Char('w')] Open(Panel::Tree), "locks", Always, always, "who blocks whom";
        [Char('?')] Help, "help", Always, always, "this list";
        [Char('q'), Code(K::Esc)] Close, "close page", Able, page, "close the open page";
        [Char('q')] Leave, "leave", Able, leave, "ask how to leave; an observer just leaves";
        [Char('g')] Open(Panel::Gates), "gates", Never, always, "the next boundary's gates";
        [Char('t')] Open(Panel::Steps), "steps", Never, always, "all steps; j and k choose one, its SQL and its undo stand beside it";
        [Char('d')] Open(Panel::Parity), "data parity", Never, always, "old against new data";
        [Char('c')] Open(Panel::Charts), "charts", Never, always, "rows a second, lag and WAL over time";
        [Char('n')] Open(Panel::Notes), "notes", Never, always, "the runbook's notes";
        [Char('e')] Open(Panel::Events), "events", Never, always, "what happened";
        [Char('i')] Open(Panel::People), "who is here", Never, always, "who leads, and which terminals are attached";
        [Char('m')] Open(Panel::Guards), "guards", Never, always, "every guard and signal";
        [Char('H')] Open(Panel::Handover), "handover", Never, always, "what whoever takes the wheel has to know";
        [Char('v')] Open(Panel::Log), "debug log", Never, always, "the program's own debug log";
        [Char('f')] Full, "full screen", Never, page, "let the open page cover more";
        [Char('/')] Filter, "filter events", Never, always, "show only events that hold a text";
        [Char(':')] Palette, "actions", Never, always, "every action by name";
        [Char('U')] Unwind, "unwind", Never, unwind, "take every phase back, to the start; asks first";
        [Char('W')] Waive, "waive", Never, waive, "open a gate that is not GO, with a reason; asks first";
        [Char('<')] Fewer, "fewer workers", Never, pace, "let one of the backfill's workers go at the end of its chunk";
        [Char('>')] More, "more workers", Never, pace, "give the backfill another worker";
        [Char('j'), Code(K::Down)] Down, "down", Never, always, "a step or a line down";
        [Char('k'), Code(K::Up)] Up, "up", Never, always, "a step or a line up";
        [Code(K::PageDown)] PageDown, "page down", Never, always, "ten lines down";
        [Code(K::PageUp)] PageUp, "page up", Never, always, "ten lines up";
    Card:
        [Char('y')] Confirm, "yes", Always, confirm, "do what the card says; refused when the state has changed under it";
        [Char('n')] Deny, "no-go / again", Able, deny, "the second answer: NO-GO, try again, or keep the lead";
        [Char('u')] LookAgain, "look again", Never, always, "bind the card to the state as it is now";
        [Code(K::Tab)] Text, "text", Never, always, "into the text or out of it";
        [Char('j'), Code(K::Down)] Down, "down", Never, always, "a line down, or the next gate";
        [Char('k'), Code(K::Up)] Up, "up", Never, always, "a line up, or the gate before";
        [Code(K::PageDown)] PageDown, "page down", Never, always, "ten lines down";
        [Code(K::PageUp)] PageUp, "page up", Never, always, "ten lines up";
        [Code(K::Esc), Char('q')] Close, "close", Always, always, "close without doing anything";
    Text:
        [Code(K::Esc)] Close, "close", Always, always, "close without doing anything";
        [Code(K::Tab)] Text, "leave the text", Able, always, "out of a card's text, so that y can confirm";
        [Code(K::Enter)] Accept, "take", Never, always, "take the filter, or run the chosen action; never confirms a card";
        [Code(K::Down)] Down, "down", Never, always, "the next action";
        [Code(K::Up)] Up, "up", Never, always, "the action before";
    Leave:
        [Char('y')] HoldAndLeave, "hold and leave", Always, always, "hold the run, wait for its safe point, end the program";
        [Char('g')] GoOn, "go on without this terminal", Always, always, "chunks, guards, gates and soaks go on; nothing that needs a person happens";
        [Code(K::Esc), Char('q'), Char('n')] Close, "stay", Always, always, "stay here";
    Help:
        [Char('j'), Code(K::Down)] Down, "down", Always, always, "a line down";
        [Char('k'), Code(K::Up)] Up, "up", Always, always, "a line up";
        [Code(K::PageDown)] PageDown, "page down", Never, always, "ten lines down";
        [Code(K::PageUp)] PageUp, "page up", Never, always, "ten lines up";
        [Code(K::Esc), Char('q'), Char('?')] Close, "close", Always, always, "close the help";
};

/// Where the keys go now, after [`Context::Everywhere`].
pub fn context(model: &Model) -> Context {
    match &model.dialog {
        None => Context::Main,
        Some(Dialog::Card(card)) if card.typing => Context::Text,
        Some(Dialog::Card(_)) => Context::Card,
        Some(Dialog::Leave) => Context::Leave,
        Some(Dialog::Help) => Context::Help,
        Some(Dialog::Palette { .. } | Dialog::Filter(_)) => Context::Text,
    }
}

/// What a key means now: the first of its rows that can act, or why the last
/// one cannot; `None` where the key means nothing here.
pub fn lookup(model: &Model, event: &KeyEvent) -> Option<Result<Action, String>> {
    let here = context(model);
    let rows = KEYMAP.iter().filter(|row| {
        (row.context == Context::Everywhere || row.context == here)
            && row.keys.iter().any(|key| key.matches(event))
    });
    let mut refused = None;
    for row in rows {
        match (row.can)(model) {
            Ok(()) => return Some(Ok(row.action)),
            Err(why) => refused = Some(Err(format!("{}: {why}", row.word))),
        }
    }
    refused
}

/// The footer's rows, in order, each with whether it can act.
pub fn footer(model: &Model) -> impl Iterator<Item = (&'static Binding, bool)> {
    let here = context(model);
    KEYMAP.iter().filter_map(move |row| {
        let applies = row.context == Context::Everywhere || row.context == here;
        let able = (row.can)(model).is_ok();
        let shown = match row.show {
            Show::Always => true,
            Show::Able => able,
            Show::Never => false,
        };
        (applies && shown).then_some((row, able))
    })
}

/// The palette's rows: actions of the main screen whose name or help holds the text.
pub fn palette(text: &str) -> Vec<&'static Binding> {
    let text = text.to_lowercase();
    let named = |row: &&Binding| {
        let listed = matches!(row.context, Context::Main | Context::Everywhere);
        let skipped = matches!(row.action, Down | Up | PageDown | PageUp | Close | Palette);
        listed && !skipped && (row.word.contains(&text) || row.help.to_lowercase().contains(&text))
    };
    let mut rows: Vec<_> = KEYMAP.iter().filter(named).collect();
    rows.sort_by_key(|row| !row.word.starts_with(&text));
    rows
}
