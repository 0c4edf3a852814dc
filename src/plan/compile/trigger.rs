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
    fired.for_each(|trigger| tell(about, trigger, spec));
}

fn tell(about: &mut About<'_>, trigger: &Trigger, spec: &Backfill) {
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

/// The same for a table that is copied into, where rows are inserted too: every
/// trigger counts.
pub(super) fn check_target(
    about: &mut About<'_>,
    world: &World,
    relation: &Relation,
    spec: &Backfill,
) {
    let fired = relation.triggers.iter();
    let fired = fired.filter(|t| is_enabled(t) && !world.made(relation, &t.name));
    fired.for_each(|trigger| tell(about, trigger, spec));
}

/// In an ordinary session, on an UPDATE of the columns that are set.
fn fires(trigger: &Trigger, spec: &Backfill) -> bool {
    let of = &trigger.update_of;
    is_enabled(trigger)
        && trigger.on_update
        && (of.is_empty() || spec.set().iter().any(|(c, _)| of.contains(c)))
}

fn is_enabled(trigger: &Trigger) -> bool {
    matches!(trigger.enabled, Enabled::Origin | Enabled::Always)
}
