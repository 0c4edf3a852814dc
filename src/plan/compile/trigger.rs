//! Owns which triggers a backfill fires.

use super::draft::About;
use super::refusal::Refusal;
use super::world::World;
use crate::plan::catalog::{Enabled, Relation, Trigger};
use crate::runbook::{Backfill, Triggers};

/// Refuses triggers that nobody acknowledged; tells those that were. The ones
/// that the runbook makes itself are known to it.
pub(super) fn check(about: &mut About<'_>, world: &World, relation: &Relation, spec: &Backfill) {
    let fired = relation.triggers.iter();
    let fired = fired.filter(|t| fires(t, spec) && !world.made(relation, &t.name));
    for trigger in fired {
        let (name, function) = (&trigger.name, &trigger.function);
        let message = format!(
            "every row fires the trigger `{name}` (`{}.{}`)",
            function.0, function.1
        );
        match spec.triggers {
            Triggers::Fire => about.note("fires-trigger", message),
            Triggers::Refuse => {
                let hint = "acknowledge it with `triggers = \"fire\"`; its WHEN may test \
                            `current_setting('pgcutover.backfill', true)`";
                about.refuse(Refusal::new("fires-trigger", message).hint(hint));
            }
        }
    }
}

/// In an ordinary session, on an UPDATE of the columns that are set.
fn fires(trigger: &Trigger, spec: &Backfill) -> bool {
    let enabled = matches!(trigger.enabled, Enabled::Origin | Enabled::Always);
    let of = &trigger.update_of;
    enabled && trigger.on_update && (of.is_empty() || spec.set.iter().any(|(c, _)| of.contains(c)))
}
