//! Compile and its refusals, over catalogs made by hand.

use super::fixture::{catalog, column, compiled, index, runbook};
use super::*;
use crate::plan::Work;
use crate::plan::catalog::{
    Dependent, Enabled, Function, Publication, Relation, RelationKind, ReplicaIdentity, Trigger,
};
use crate::runbook::StepId;

/// A step of SQL that may go back as it likes.
fn sql(id: &str, sql: &str, more: &str) -> String {
    format!(
        "[[phase.step]]\nid = \"{id}\"\nkeep = \"x\"\n{more}\n[phase.step.sql]\nrun = '''{sql}'''\n"
    )
}

/// A change to the fixture's table.
type Change = fn(&mut Relation);

const ADD: &str = "ALTER TABLE users ADD COLUMN email_address text";

const COPY: &str = "[[phase.step]]\nid = \"copy\"\nkeep = \"x\"\n[phase.step.backfill]\n\
                    table = \"users\"\nkey = [\"id\"]\nset = { email_address = \"email\" }\n";

/// Drops are the last step: the fixture's phase has to have an irreversible one.
fn drop(sql: &str, more: &str) -> String {
    format!(
        "[[phase.step]]\nid = \"drop\"\nirreversible = \"x\"\n{more}\n[phase.step.sql]\nrun = '''{sql}'''\n"
    )
}

fn harmless() -> String {
    drop("DROP FUNCTION IF EXISTS nothing()", "")
}

/// The codes that speak against it, with their steps.
fn said(steps: &str, catalog: &Catalog) -> Vec<(String, &'static str)> {
    let refusals = compiled(&runbook(steps), catalog).err().unwrap_or_default();
    let step = |refusal: &Refusal| refusal.step.as_ref().map_or("", StepId::as_str).to_owned();
    refusals
        .iter()
        .map(|refusal| (step(refusal), refusal.code))
        .collect()
}

fn notices(steps: &str, catalog: &Catalog) -> Vec<String> {
    let plan = compiled(&runbook(steps), catalog).unwrap();
    plan.observed
        .notices
        .into_iter()
        .map(|notice| notice.message)
        .collect()
}

fn users(catalog: &mut Catalog) -> &mut Relation {
    &mut catalog.relations[0]
}

#[test]
fn a_column_that_an_earlier_step_adds_is_there_for_the_backfill() {
    let steps = sql("add", ADD, "") + COPY + &harmless();
    let plan = compiled(&runbook(&steps), &catalog()).unwrap();
    let copy = plan.step(&StepId::new("copy")).unwrap().step;
    let table = copy.table.as_ref().unwrap();
    assert_eq!(
        (table.schema.as_str(), table.set[0].data_type.as_str()),
        ("public", "text")
    );
    assert_eq!(
        said(&(COPY.to_owned() + &harmless()), &catalog()),
        [("copy".into(), "unknown-column")]
    );
}

#[test]
fn a_key_is_refused_with_the_keys_that_there_are() {
    let steps = sql("add", ADD, "") + COPY + &harmless();
    let changes: [Change; 7] = [
        |users| users.unique_indexes[0].valid = false,
        |users| users.unique_indexes[0].immediate = false,
        |users| users.unique_indexes[0].partial = true,
        |users| users.unique_indexes[0].plain_order = false,
        |users| users.unique_indexes.clear(),
        |users| users.unique_indexes[0] = index("k", &["id", "email"]),
        |users| users.columns[0].not_null = false,
    ];
    for change in changes {
        let mut catalog = catalog();
        change(users(&mut catalog));
        assert_eq!(said(&steps, &catalog), [("copy".into(), "no-key")]);
    }
    let mut other = catalog();
    users(&mut other).unique_indexes[0] = index("k", &["email"]);
    let refusals = compiled(&runbook(&steps), &other).unwrap_err();
    assert_eq!(refusals[0].hint.as_deref(), Some("it has (email)"));
    // An index that an earlier step builds will do.
    let build = "CREATE UNIQUE INDEX CONCURRENTLY k ON users (id)";
    let build = format!("{}transaction = false\n", sql("build", build, ""));
    users(&mut other).unique_indexes.clear();
    assert_eq!(said(&(build + &steps), &other), []);
}

#[test]
fn what_a_walk_would_miss_is_refused() {
    let steps = sql("add", ADD, "") + COPY + &harmless();
    let changes: [(Change, &str); 3] = [
        (|users| users.kind = RelationKind::View, "not-a-table"),
        (|users| users.has_children = true, "has-children"),
        (|users| users.row_security = true, "row-security"),
    ];
    for (change, code) in changes {
        let mut catalog = catalog();
        change(users(&mut catalog));
        assert_eq!(said(&steps, &catalog), [("copy".into(), code)]);
    }
}

#[test]
fn a_column_that_cannot_be_set_is_refused() {
    let mut catalog = catalog();
    let mut generated = column("email_address", "text");
    generated.generated = true;
    users(&mut catalog).columns.push(generated);
    let steps = COPY.to_owned() + &harmless();
    assert_eq!(
        said(&steps, &catalog),
        [("copy".into(), "generated-column")]
    );
    let moved = steps.replace("email_address = \"email\"", "id = \"id + 1\"");
    assert_eq!(said(&moved, &catalog), [("copy".into(), "sets-key")]);
    let parameter = steps.replace("= \"email\"", "= \"email || $1\"");
    assert!(said(&parameter, &catalog).contains(&("copy".into(), "positional-parameter")));
}

fn trigger(name: &str, function: &str) -> Trigger {
    Trigger {
        name: name.into(),
        function: ("public".into(), function.into()),
        enabled: Enabled::Origin,
        on_update: true,
        update_of: Vec::new(),
    }
}

fn function(name: &str, returns_trigger: bool, body: &str) -> Function {
    Function {
        schema: "public".into(),
        name: name.into(),
        returns_trigger,
        body: body.into(),
    }
}

#[test]
fn a_trigger_that_the_backfill_fires_has_to_be_acknowledged() {
    let steps = sql("add", ADD, "") + COPY + &harmless();
    let mut catalog = catalog();
    users(&mut catalog).triggers.push(trigger("audit", "audit"));
    assert_eq!(said(&steps, &catalog), [("copy".into(), "fires-trigger")]);
    let fire = steps.replace("key = [\"id\"]", "key = [\"id\"]\ntriggers = \"fire\"");
    assert_eq!(said(&fire, &catalog), []);
    assert_eq!(
        notices(&fire, &catalog),
        ["every row fires the trigger `audit` (`public.audit`)"]
    );

    users(&mut catalog).triggers[0].update_of = vec!["email".into()];
    assert_eq!(said(&steps, &catalog), []);
    users(&mut catalog).triggers[0] = trigger("audit", "audit");
    users(&mut catalog).triggers[0].enabled = Enabled::Replica;
    assert_eq!(said(&steps, &catalog), []);
}

const DUAL: &str = "CREATE FUNCTION step() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.email_address := NEW.email; RETURN NEW; END $$;
    CREATE TRIGGER step BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION step()";

#[test]
fn the_runbooks_own_trigger_may_fire() {
    let steps = sql("add", ADD, "") + &sql("dual", DUAL, "") + COPY + &harmless();
    assert_eq!(said(&steps, &catalog()), []);
    // On a resume the catalog has it already.
    let mut later = catalog();
    users(&mut later).triggers.push(trigger("step", "step"));
    assert_eq!(said(&steps, &later), []);
}

#[test]
fn a_column_is_not_dropped_under_a_body_that_names_it() {
    let before = sql("add", ADD, "") + &sql("dual", DUAL, "");
    let column = "ALTER TABLE users DROP COLUMN email";
    assert_eq!(
        said(&(before.clone() + &drop(column, "")), &catalog()),
        [("drop".into(), "column-in-use")]
    );
    let trigger_only = format!("{column}; DROP TRIGGER step ON users");
    assert_eq!(
        said(&(before.clone() + &drop(&trigger_only, "")), &catalog()),
        []
    );
    let together = format!("{column}; DROP TRIGGER step ON users; DROP FUNCTION step()");
    assert_eq!(said(&(before + &drop(&together, "")), &catalog()), []);

    let mut catalog = catalog();
    catalog.functions = vec![
        function("report", false, "SELECT max(email) FROM users"),
        function("other", false, "SELECT email FROM customers"),
        function("old", true, "BEGIN NEW.email := 1; END -- users"),
    ];
    assert_eq!(
        said(&drop(column, ""), &catalog),
        [("drop".into(), "column-in-use")]
    );
    let accepted = drop(
        column,
        "accept = { column-in-use = \"nobody calls report\" }",
    );
    assert_eq!(said(&accepted, &catalog), []);
    assert!(
        notices(&accepted, &catalog)
            .iter()
            .any(|n| n.contains("nobody calls report"))
    );
}

#[test]
fn what_goes_with_a_column_is_named() {
    let mut catalog = catalog();
    let dependent = |kind: &str, name: &str, blocks| Dependent {
        column: "email".into(),
        kind: kind.into(),
        name: Some(crate::runbook::ident::parse_table(name).unwrap()),
        identity: name.into(),
        blocks,
    };
    users(&mut catalog)
        .dependents
        .push(dependent("index", "public.users_email", false));
    users(&mut catalog)
        .unique_indexes
        .push(index("users_email", &["email"]));
    users(&mut catalog).columns[1].has_grants = true;
    let steps = drop("ALTER TABLE users DROP COLUMN email", "");
    let named = notices(&steps, &catalog);
    assert_eq!(
        named,
        [
            "the index `public.users_email` goes with `email`",
            "NOT NULL goes with `email`",
            "the privileges granted on `email` itself go with it",
            "the uniqueness of (email) goes with `email`",
        ]
    );

    users(&mut catalog)
        .dependents
        .push(dependent("view", "public.contacts", true));
    assert_eq!(
        said(&steps, &catalog),
        [("drop".into(), "column-has-dependents")]
    );
    let first = drop(
        "DROP VIEW IF EXISTS contacts; ALTER TABLE users DROP COLUMN email",
        "",
    );
    assert_eq!(said(&first, &catalog), []);
    let cascade = drop("ALTER TABLE users DROP COLUMN email CASCADE", "");
    assert!(
        notices(&cascade, &catalog)
            .contains(&"the view `public.contacts` goes with `email`".into())
    );
}

#[test]
fn a_publication_would_stop_its_subscriber() {
    let mut catalog = catalog();
    catalog.publications = vec![Publication {
        name: "all".into(),
        all_tables: true,
        schemas: Vec::new(),
        tables: Vec::new(),
    }];
    let steps = sql("add", ADD, "") + COPY + &harmless();
    assert_eq!(said(&steps, &catalog), []);
    assert_eq!(notices(&steps, &catalog).len(), 2);
    catalog.subscribers = 1;
    let both = [
        (String::new(), "publication-carries-journal"),
        ("add".into(), "published-column"),
    ];
    assert_eq!(said(&steps, &catalog), both);
    let accept = "accept = { published-column = \"added there\", publication-carries-journal = \"made there\" }";
    let accepted = sql("add", ADD, accept) + COPY + &harmless();
    assert_eq!(said(&accepted, &catalog), []);
    users(&mut catalog).replica_identity = ReplicaIdentity::Nothing;
    assert_eq!(
        said(&accepted, &catalog),
        [("copy".into(), "no-replica-identity")]
    );
}

#[test]
fn the_server_has_to_be_the_expected_one() {
    let mut runbook = runbook(&harmless());
    runbook.connections[0].expect.database = Some("other".into());
    runbook.connections[0].expect.primary = Some(true);
    let mut catalog = catalog();
    catalog.in_recovery = true;
    catalog.server.version_num = 120_000;
    let codes: Vec<_> = compiled(&runbook, &catalog)
        .unwrap_err()
        .iter()
        .map(|r| r.code)
        .collect();
    assert_eq!(codes, ["server-too-old", "wrong-database", "wrong-role"]);
    let nothing = compile(&runbook, &BTreeMap::new(), Timestamp::UNIX_EPOCH).unwrap_err();
    assert_eq!(nothing[0].code, "not-looked-at");
}

#[test]
fn a_table_that_is_nowhere_is_a_typing_error() {
    let typo = sql("add", "ALTER TABLE usres ADD COLUMN a text", "") + &harmless();
    assert_eq!(said(&typo, &catalog()), [("add".into(), "unknown-table")]);
    let lenient = sql("add", "ALTER TABLE IF EXISTS usres ADD COLUMN a text", "") + &harmless();
    assert_eq!(said(&lenient, &catalog()), []);
}

#[test]
fn set_not_null_scans_unless_a_valid_check_proves_it() {
    let check = "ALTER TABLE users ADD CONSTRAINT c CHECK (email_address IS NOT NULL) NOT VALID";
    let set = "ALTER TABLE users ALTER email_address SET NOT NULL";
    let validate = "ALTER TABLE users VALIDATE CONSTRAINT c";
    let head = sql("add", ADD, "") + &sql("check", check, "");
    let unproved = format!(
        "{head}{}{}",
        sql("set", set, "accept = { not-null-scan = \"x\" }"),
        harmless()
    );
    let proved = format!(
        "{head}{}{}{}",
        sql("validate", validate, ""),
        sql("set", set, ""),
        harmless()
    );
    for (steps, work) in [(unproved, Work::Scan), (proved, Work::Catalog)] {
        let plan = compiled(&runbook(&steps), &catalog()).unwrap();
        assert_eq!(
            plan.step(&StepId::new("set")).unwrap().step.forecast[0].work,
            work
        );
    }
}

#[test]
fn names_resolve_along_the_search_path_and_sizes_are_no_part_of_the_hash() {
    let steps = sql("add", ADD, "") + COPY + &harmless();
    let small = compiled(&runbook(&steps), &catalog()).unwrap();
    let forecast = &small.step(&StepId::new("add")).unwrap().step.forecast[0];
    assert_eq!(
        forecast.relation.as_ref().unwrap().to_string(),
        "public.users"
    );
    assert_eq!(small.observed.tables["public.users"].rows, Some(1_000_000));
    let mut larger = catalog();
    users(&mut larger).size.bytes *= 2;
    assert_eq!(
        compiled(&runbook(&steps), &larger).unwrap().hash(),
        small.hash()
    );
    users(&mut larger).columns[0].data_type = "integer".into();
    assert_ne!(
        compiled(&runbook(&steps), &larger).unwrap().hash(),
        small.hash()
    );
}
