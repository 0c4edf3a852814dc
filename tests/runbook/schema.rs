//! The committed schema is the one that the raw shapes give.

use pgcutover::runbook::schema;

use super::matches_golden;

#[test]
fn the_committed_schema_is_current() {
    let current = matches_golden("assets/runbook.schema.json", &schema());
    assert!(
        current,
        "bless it: PGCUTOVER_BLESS=1 cargo test --test runbook"
    );
}
