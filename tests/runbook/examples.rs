//! The runbooks that we give away load without a fault or a warning.

use std::time::Duration;

use pgcutover::runbook::{Action, Condition, ConnectionSource, Reversal, Runbook, Step};

use super::load_file;

const EXAMPLE: &str = "runbooks/rename-column.toml";

fn clean(environment: Option<&str>) -> Runbook {
    clean_file(EXAMPLE, environment)
}

fn clean_file(path: &str, environment: Option<&str>) -> Runbook {
    let loaded = load_file(path, environment);
    assert!(
        loaded.faults.is_empty() && loaded.warnings.is_empty(),
        "{}",
        loaded.render(false)
    );
    loaded.runbook.unwrap()
}

#[test]
fn the_example_is_clean_in_every_environment() {
    for environment in [None, Some("staging"), Some("demo")] {
        clean(environment);
    }
}

#[test]
fn the_other_examples_are_clean_in_theirs() {
    for example in ["runbooks/not-null.toml", "runbooks/split-table.toml"] {
        for environment in [None, Some("demo")] {
            clean_file(example, environment);
        }
    }
}

#[test]
fn an_environment_replaces_what_it_names_and_nothing_else() {
    let (production, demo) = (clean(None), clean(Some("demo")));
    let bake = |runbook: &Runbook| {
        runbook
            .phases
            .iter()
            .flat_map(|phase| &phase.gates)
            .find_map(|gate| match &gate.condition {
                Condition::Soak { duration, .. } if gate.id.as_str() == "bake" => Some(*duration),
                _ => None,
            })
    };
    assert_eq!(bake(&production), Some(Duration::from_secs(7 * 24 * 3600)));
    assert_eq!(bake(&demo), Some(Duration::from_secs(3)));
    assert_eq!(demo.cutover.environment, "demo");
    assert_eq!(production.cutover.environment, "production");
    let source = ConnectionSource::UrlEnv("PGCUTOVER_DEMO_URL".into());
    assert_eq!(demo.connections[0].source, source);
    assert_eq!(demo.connections[0].expect, production.connections[0].expect);
    assert_eq!(demo.hash, production.hash);
}

#[test]
fn plain_ddl_gets_its_undo_and_the_backfill_of_its_column_needs_none() {
    let runbook = clean(None);
    let reversal = |id: &str| {
        let steps = runbook.phases.iter().flat_map(|phase| &phase.steps);
        steps
            .into_iter()
            .find(|step| step.id.as_str() == id)
            .map(|step| &step.reversal)
            .unwrap()
    };
    let Reversal::Derived(undo) = reversal("add-column") else {
        panic!("{:?}", reversal("add-column"));
    };
    let Action::Sql(sql) = &**undo else {
        panic!("{undo:?}");
    };
    assert_eq!(
        sql.statements,
        ["ALTER TABLE public.users DROP COLUMN email_address"]
    );
    let Reversal::Keep(why) = reversal("copy") else {
        panic!("{:?}", reversal("copy"));
    };
    assert!(why.contains("add-column"), "{why}");
    assert!(matches!(reversal("drop-old"), Reversal::Irreversible(_)));
    assert!(matches!(reversal("drop-check"), Reversal::Keep(_)));
}

#[test]
fn a_rollback_of_the_readers_ends_with_the_new_version_and_asks_after_each_step() {
    let runbook = clean(None);
    let phase = runbook
        .phases
        .iter()
        .find(|phase| phase.id.as_str() == "read-switch")
        .unwrap();
    let ids = |steps: &[Step]| {
        let asked = steps.iter().filter(|step| step.done_when.is_some());
        asked.map(|step| step.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        ids(&phase.steps),
        ["deploy-new", "flag-10", "flag-100", "retire-old"]
    );
    assert_eq!(
        ids(phase.rollback.as_deref().unwrap()),
        ["flag-0", "old-app-back", "new-app-off"]
    );
}
