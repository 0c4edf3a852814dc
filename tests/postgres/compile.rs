//! Looking at a real catalog, and compiling against it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pgcutover::pg::introspect;
use pgcutover::pg::session::Purpose;
use pgcutover::plan::catalog::{Catalog, Enabled, Relation, RelationKind};
use pgcutover::plan::compile::{self, Refusal};
use pgcutover::plan::statement::Statement;
use pgcutover::plan::{LockMode, Plan, Work};
use pgcutover::runbook::ident::parse_table;
use pgcutover::runbook::{Files, Runbook};

use crate::support::{self, Database};
use crate::targets;

/// A table with one of everything.
const ADORNED: &str = r#"
    CREATE SCHEMA "my app";
    SET search_path = "my app", public;
    CREATE DOMAIN email_domain AS text COLLATE "C";
    CREATE TABLE users (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        email email_domain NOT NULL DEFAULT 'x',
        tenant varchar(9) COLLATE "C" NOT NULL,
        upper_email text GENERATED ALWAYS AS (upper(email)) STORED,
        CONSTRAINT users_email_key UNIQUE (email) DEFERRABLE,
        CONSTRAINT tenant_known CHECK (tenant IS NOT NULL),
        CONSTRAINT email_long CHECK (email IS NOT NULL AND length(email) > 0) NOT VALID);
    CREATE UNIQUE INDEX users_tenant_email ON users (tenant, email);
    CREATE UNIQUE INDEX users_active ON users (email) WHERE id > 0;
    CREATE UNIQUE INDEX users_lower ON users (lower(email));
    CREATE UNIQUE INDEX users_mixed ON users (tenant, id DESC);
    CREATE VIEW contacts AS SELECT email FROM users;
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE FUNCTION mail(bigint) RETURNS text LANGUAGE sql AS 'SELECT email FROM users WHERE id = $1';
    CREATE TRIGGER touch BEFORE UPDATE OF email ON users FOR EACH ROW EXECUTE FUNCTION touch();
    ALTER TABLE users ENABLE ALWAYS TRIGGER touch;
    GRANT SELECT (email) ON users TO PUBLIC;
    INSERT INTO users (tenant, email) SELECT 'a', g FROM generate_series(1, 1000) AS g;
    CREATE PUBLICATION everything FOR ALL TABLES;
    CREATE PUBLICATION narrow FOR TABLE users (id, email);
    ANALYZE users;"#;

async fn look(db: &Database, names: &[&str]) -> Catalog {
    let session = targets::session(&db.dsn, Purpose::Observer).await;
    let names: BTreeSet<_> = names
        .iter()
        .map(|name| parse_table(name).unwrap())
        .collect();
    introspect::catalog(&session, &names).await.unwrap()
}

fn only(catalog: &Catalog) -> &Relation {
    let [relation] = &catalog.relations[..] else {
        panic!("{:?}", catalog.relations);
    };
    relation
}

#[tokio::test]
async fn a_table_is_seen_with_what_hangs_on_it() {
    let db = support::database().await;
    db.client.batch_execute(ADORNED).await.unwrap();
    let catalog = look(&db, &["\"my app\".users", "nowhere", "public.users"]).await;
    assert_eq!(catalog.server.database, db.name);
    assert!(!catalog.in_recovery && catalog.server.system_identifier.is_some());
    let users = only(&catalog);
    assert_eq!(
        (users.kind, users.size.rows),
        (RelationKind::Table, Some(1000))
    );
    assert!(users.size.bytes > 0 && !users.row_security);

    let email = users.column("email").unwrap();
    assert_eq!(email.data_type, "\"my app\".email_domain");
    assert!(
        email
            .collation
            .as_deref()
            .unwrap()
            .starts_with("pg_catalog.\"C\"")
    );
    assert!(email.not_null && email.has_default && email.has_grants && !email.generated);
    assert!(
        users.column("upper_email").unwrap().generated && users.column("id").unwrap().generated
    );
    assert_eq!(
        users.column("tenant").unwrap().data_type,
        "character varying(9)"
    );

    let index = |name: &str| {
        users
            .unique_indexes
            .iter()
            .find(|i| i.name == name)
            .unwrap()
    };
    assert!(index("users_pkey").primary && index("users_pkey").plain_order);
    assert!(!index("users_email_key").immediate && index("users_active").partial);
    assert!(index("users_lower").columns.is_empty() && !index("users_mixed").plain_order);
    assert_eq!(index("users_tenant_email").columns, ["tenant", "email"]);

    let checks: Vec<_> = users
        .checks
        .iter()
        .map(|c| (c.name.as_str(), c.valid, c.not_null.as_deref()))
        .collect();
    assert_eq!(
        checks,
        [
            ("email_long", true, None),
            ("tenant_known", true, Some("tenant"))
        ]
    );
    let [touch] = &users.triggers[..] else {
        panic!("{:?}", users.triggers);
    };
    assert_eq!(
        (touch.enabled, touch.on_update, touch.update_of.as_slice()),
        (Enabled::Always, true, &["email".to_owned()][..])
    );
}

#[tokio::test]
async fn what_depends_on_a_column_is_seen_with_whether_it_blocks() {
    let db = support::database().await;
    db.client.batch_execute(ADORNED).await.unwrap();
    let catalog = look(&db, &["\"my app\".users"]).await;
    let of_email = only(&catalog)
        .dependents
        .iter()
        .filter(|d| d.column == "email");
    let seen: BTreeSet<_> = of_email
        .map(|d| (d.kind.as_str(), d.identity.as_str(), d.blocks))
        .collect();
    for expected in [
        ("view", "\"my app\".contacts", true),
        ("trigger", "touch on \"my app\".users", true),
        ("index", "\"my app\".users_tenant_email", false),
        ("table constraint", "email_long on \"my app\".users", false),
        ("default value", "for \"my app\".users.email", false),
    ] {
        assert!(seen.contains(&expected), "{expected:?} in {seen:#?}");
    }
    let functions: Vec<_> = catalog
        .functions
        .iter()
        .map(|f| (f.name.as_str(), f.returns_trigger))
        .collect();
    assert_eq!(functions, [("mail", false), ("touch", true)]);
    let [everything, narrow] = &catalog.publications[..] else {
        panic!("{:?}", catalog.publications);
    };
    let users = only(&catalog);
    assert!(everything.carries_new_column(users) && everything.carries_schema("pgcutover"));
    assert!(!narrow.carries_new_column(users) && narrow.tables[0].name == "users");
}

#[tokio::test]
async fn it_answers_while_access_exclusive_is_held() {
    let db = support::database().await;
    db.client.batch_execute(ADORNED).await.unwrap();
    let unlocked = look(&db, &["\"my app\".users"]).await;
    db.client
        .batch_execute("BEGIN; LOCK TABLE users, contacts IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let locked = look(&db, &["\"my app\".users"]).await;
    assert_eq!(locked, unlocked);
}

#[tokio::test]
async fn a_name_without_a_schema_is_found_along_the_search_path() {
    let db = support::database().await;
    let setup = format!(
        "CREATE SCHEMA second; CREATE TABLE public.t (a int); CREATE TABLE second.t (b int);
         CREATE TABLE second.only_here (c int);
         ALTER DATABASE {} SET search_path = public, second",
        db.name
    );
    db.client.batch_execute(&setup).await.unwrap();
    let catalog = look(&db, &["t", "only_here"]).await;
    let find = |name: &str| catalog.relation(&parse_table(name).unwrap()).unwrap();
    assert_eq!(
        (find("t").schema.as_str(), find("only_here").schema.as_str()),
        ("public", "second")
    );
}

#[tokio::test]
async fn a_partitioned_table_is_as_large_as_its_partitions() {
    let db = support::database().await;
    let setup = "CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id);
        CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);
        CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (100) TO (200) PARTITION BY RANGE (id);
        CREATE TABLE p3 PARTITION OF p2 FOR VALUES FROM (100) TO (200);
        INSERT INTO p SELECT generate_series(1, 150); ANALYZE p, p1, p3;
        CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent)";
    db.client.batch_execute(setup).await.unwrap();
    let catalog = look(&db, &["p", "parent"]).await;
    let find = |name: &str| catalog.relation(&parse_table(name).unwrap()).unwrap();
    assert_eq!(
        (find("p").size.rows, find("p").has_children),
        (Some(150), false)
    );
    assert_eq!(
        (find("parent").size.rows, find("parent").has_children),
        (None, true)
    );
}

#[tokio::test]
async fn the_lock_that_the_plan_names_is_the_one_that_the_server_takes() {
    let db = support::database().await;
    let setup = "CREATE TABLE t (id int PRIMARY KEY, a int, b int, CHECK (a > 0) NOT VALID);
        CREATE TABLE o (id int PRIMARY KEY); CREATE UNIQUE INDEX i ON t (b);
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()";
    db.client.batch_execute(setup).await.unwrap();
    for sql in [
        "ALTER TABLE t ADD COLUMN c text",
        "ALTER TABLE t DROP COLUMN a",
        "ALTER TABLE t ADD CONSTRAINT k CHECK (b > 0) NOT VALID",
        "ALTER TABLE t VALIDATE CONSTRAINT t_a_check",
        "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES o NOT VALID",
        "ALTER TABLE t ADD CONSTRAINT k UNIQUE USING INDEX i",
        "ALTER TABLE t ALTER a SET NOT NULL",
        "ALTER TABLE t ALTER a SET DEFAULT 1",
        "ALTER TABLE t ALTER a SET STATISTICS 10",
        "ALTER TABLE t ALTER a TYPE bigint",
        "ALTER TABLE t SET (fillfactor = 90)",
        "ALTER TABLE t ENABLE ALWAYS TRIGGER g",
        "ALTER TABLE t DISABLE TRIGGER g",
        "ALTER TABLE t REPLICA IDENTITY FULL",
        "ALTER TABLE t CLUSTER ON t_pkey",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE t RENAME a TO c",
        "ALTER TABLE t RENAME TO u",
        "CREATE INDEX n ON t (a)",
        "CREATE TRIGGER n BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()",
        "DROP TRIGGER g ON t",
        "CREATE POLICY n ON t",
        "CREATE RULE n AS ON DELETE TO t DO INSTEAD NOTHING",
        "CREATE STATISTICS n ON a, b FROM t",
        "COMMENT ON TABLE t IS 'x'",
        "ANALYZE t",
        "TRUNCATE t",
        "LOCK TABLE t IN SHARE MODE",
        "UPDATE t SET a = 1",
        "INSERT INTO t VALUES (1, 1, 1)",
        "SELECT * FROM t",
        "SELECT * FROM t FOR UPDATE",
        "CREATE VIEW n AS SELECT * FROM t",
        "CREATE TABLE n AS SELECT * FROM t",
        "CREATE TABLE n (t int REFERENCES t)",
        "CREATE TABLE n () INHERITS (t)",
        "DROP TABLE t",
    ] {
        assert_eq!(Statement::read(sql).lock, taken(&db, sql).await, "{sql}");
    }
}

/// The strongest lock on `t` that a statement takes.
async fn taken(db: &Database, sql: &str) -> Option<LockMode> {
    let held = "SELECT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation = $1";
    let oid: u32 = db
        .client
        .query_one("SELECT 't'::regclass::oid", &[])
        .await
        .unwrap()
        .get(0);
    db.client
        .batch_execute(&format!("BEGIN; {sql}"))
        .await
        .unwrap();
    let rows = db.client.query(held, &[&oid]).await.unwrap();
    db.client.batch_execute("ROLLBACK").await.unwrap();
    let modes = rows.iter().map(|row| match row.get(0) {
        "AccessShareLock" => LockMode::AccessShare,
        "RowShareLock" => LockMode::RowShare,
        "RowExclusiveLock" => LockMode::RowExclusive,
        "ShareUpdateExclusiveLock" => LockMode::ShareUpdateExclusive,
        "ShareLock" => LockMode::Share,
        "ShareRowExclusiveLock" => LockMode::ShareRowExclusive,
        "ExclusiveLock" => LockMode::Exclusive,
        _ => LockMode::AccessExclusive,
    });
    modes.max()
}

/// The example's directory.
struct Examples;

impl Files for Examples {
    fn read(&self, path: &str) -> Result<String, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(root.join("runbooks").join(path)).map_err(|error| error.to_string())
    }
}

fn example(database: &str) -> Runbook {
    let text = Examples.read("rename-column.toml").unwrap();
    let loaded = pgcutover::runbook::load(&text, "rename-column.toml", &Examples, Some("demo"));
    let mut runbook = loaded.runbook.unwrap();
    runbook.connections[0].expect.database = Some(database.into());
    runbook
}

async fn compiled(db: &Database, runbook: &Runbook) -> Result<Plan, Vec<Refusal>> {
    let session = targets::session(&db.dsn, Purpose::Observer).await;
    let mut catalogs = BTreeMap::new();
    for (connection, tables) in compile::tables(runbook) {
        catalogs.insert(
            connection,
            introspect::catalog(&session, &tables).await.unwrap(),
        );
    }
    compile::compile(runbook, &catalogs, "2026-03-01T12:00:00Z".parse().unwrap())
}

#[tokio::test]
async fn the_example_compiles_against_the_demo_and_its_hash_is_stable() {
    let db = support::database().await;
    db.client
        .batch_execute(include_str!("../../assets/demo.sql"))
        .await
        .unwrap();
    let runbook = example(&db.name);
    let plan = compiled(&db, &runbook).await.unwrap();
    let copy = plan
        .step(&pgcutover::runbook::StepId::new("copy"))
        .unwrap()
        .step;
    let table = copy.table.as_ref().unwrap();
    assert_eq!(
        (
            table.key[0].data_type.as_str(),
            table.set[0].data_type.as_str()
        ),
        ("bigint", "text")
    );
    // The validated CHECK is its proof.
    let not_null = plan
        .step(&pgcutover::runbook::StepId::new("not-null"))
        .unwrap()
        .step;
    assert_eq!(not_null.forecast[0].work, Work::Catalog);

    let grow = "INSERT INTO users (email, name) SELECT g, g FROM generate_series(1, 5000) AS g; ANALYZE users";
    db.client.batch_execute(grow).await.unwrap();
    let larger = compiled(&db, &runbook).await.unwrap();
    assert_ne!(plan.observed.tables, larger.observed.tables);
    assert_eq!(plan.hash(), larger.hash());
    let stored: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
    assert_eq!((&stored, stored.hash()), (&plan, plan.hash()));
}

#[tokio::test]
async fn a_view_and_a_strangers_trigger_speak_against_the_example() {
    let db = support::database().await;
    db.client
        .batch_execute(include_str!("../../assets/demo.sql"))
        .await
        .unwrap();
    let strangers = "CREATE VIEW contacts AS SELECT email FROM users;
        CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER audit BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION audit();
        CREATE FUNCTION report() RETURNS text LANGUAGE sql AS 'SELECT max(email) FROM users'";
    db.client.batch_execute(strangers).await.unwrap();
    let refusals = compiled(&db, &example("elsewhere")).await.unwrap_err();
    let said: Vec<_> = refusals
        .iter()
        .map(|refusal| {
            (
                refusal.step.as_ref().map(|step| step.as_str()),
                refusal.code,
            )
        })
        .collect();
    let expected = [
        (None, "wrong-database"),
        (Some("copy"), "fires-trigger"),
        (Some("drop-old"), "column-has-dependents"),
        (Some("drop-old"), "column-in-use"),
    ];
    assert_eq!(said, expected, "{refusals:#?}");
}

#[tokio::test]
async fn the_printed_plan_is_what_a_reviewer_signs() {
    let db = support::database().await;
    let setup = include_str!("../../assets/demo.sql");
    db.client.batch_execute(setup).await.unwrap();
    let plan = compiled(&db, &example(&db.name)).await.unwrap();
    let text = pgcutover::report::plan::text(&plan);
    let hash = format!("plan {}\n", plan.hash());
    assert!(text.starts_with(&hash) && text.ends_with(&hash), "{text}");
}
