//! How a card's lines are put together: headings, sentences, gates, steps.

use ratatui::text::Line;

use crate::engine::snapshot::GateView;
use crate::plan::Phase;
use crate::report::preflight;
use crate::run::event::Task;
use crate::tui::facts;
use crate::tui::theme::Tone;
use crate::tui::view::row::wrap;
use crate::tui::view::{Scene, detail, gates};

/// The lines so far, and how wide they may be.
pub(super) struct Page<'s, 'a> {
    pub(super) scene: &'s Scene<'a>,
    pub(super) width: u16,
    pub(super) lines: Vec<Line<'static>>,
}

impl Page<'_, '_> {
    pub(super) fn heading(&mut self, text: &str) {
        let row = self.scene.row().styled(self.scene.theme.title(false), text);
        self.lines.push(row.into());
    }

    pub(super) fn say(&mut self, tone: Tone, text: impl AsRef<str>) {
        for line in wrap(text.as_ref(), self.width.saturating_sub(2)) {
            self.lines
                .push(self.scene.row().gap(2).put(tone, line).into());
        }
    }

    pub(super) fn gate(&mut self, gate: &GateView, chosen: Option<bool>) {
        let row = match chosen {
            None => self.scene.row().gap(1),
            Some(true) => self.scene.row().put(Tone::Note, self.scene.glyphs().cursor),
            Some(false) => self.scene.row().gap(1),
        };
        let row = row.join(gates::row(self.scene, gate, self.width.saturating_sub(1)));
        self.lines.push(row.fit(self.width).into());
    }

    pub(super) fn steps(&mut self, phase: &Phase) {
        for step in &phase.steps {
            for (tone, line) in detail::summary(self.scene.snapshot, step) {
                self.say(tone, line);
            }
            let costs = &self.scene.snapshot.run.plan.observed.costs;
            for line in costs.get(step.id()).into_iter().flat_map(preflight::lines) {
                self.say(Tone::Plain, format!("  {line}"));
            }
        }
    }

    pub(super) fn task(&mut self, task: &Task) {
        let run = &self.scene.snapshot.run;
        let Some(place) = run.plan.step(&task.step) else {
            return;
        };
        let action = facts::action(place.step, task.direction);
        let script = action.map(facts::script).unwrap_or_default();
        self.say(Tone::Plain, format!("{task}:"));
        for line in script {
            self.say(Tone::Plain, format!("  {line}"));
        }
    }
}
