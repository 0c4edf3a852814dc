//! The example that splits a table goes back from each phase and forward to its
//! end, with clients of both versions, and both tables say the same all the time.

use std::fs;

use tokio_postgres::Client;

use crate::crm::{self, Crm, ROWS};
use crate::servers;
use crate::tour::Tour;

const PHASES: [&str; 6] = [
    "expand",
    "dual-write",
    "backfill",
    "verify",
    "read-switch",
    "contract",
];

/// Customers whose address is not the same in both tables, or is in one alone.
const APART: &str = "SELECT count(*)
    FROM (SELECT id, street, city FROM customers WHERE num_nonnulls(street, city) > 0) AS c
    FULL JOIN addresses AS a ON a.customer_id = c.id
    WHERE (c.street, c.city) IS DISTINCT FROM (a.street, a.city)";

/// Customers whose address is not the one that their name says.
const WRONG: &str = "SELECT count(*)
    FROM customers AS c LEFT JOIN addresses AS a ON a.customer_id = c.id,
         substring(c.name FROM '.*[3-9]$') AS s
    WHERE (a.street, a.city) IS DISTINCT FROM (s, 'at ' || s)";

/// Clients of the old version, and a lead.
async fn begin() -> (Tour, Crm) {
    let database = servers::database().await;
    crm::create(&database).await;
    let app = format!("vars.app = \"{}\"", crm::new_role(&database));
    let edits = [
        ("vars.app = \"postgres\"", &*app),
        ("vars.bake = \"3s\"", "vars.bake = \"300ms\""),
        // A phase that enters by itself could not be left from its end.
        ("enter = \"auto\"", "enter = \"person\""),
    ];
    let mut tour = Tour::of("split-table", &edits, &PHASES, database);
    let stage = &mut tour.stage;
    let flags = stage.home.path().join("flags");
    fs::create_dir(&flags).unwrap();
    let variable = ("PGCUTOVER_FLAGS".to_owned(), flags.display().to_string());
    stage.vars.push(variable);
    let crm = Crm::open(&stage.database, flags).await;
    stage.lead().await;
    (tour, crm)
}

async fn count(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_phase_goes_back_and_the_address_is_in_its_own_table_in_the_end() {
    let (mut tour, crm) = begin().await;
    let undone = tour
        .there_and_back("DROP COLUMN", |_, before| before.to_owned())
        .await;
    assert!(!undone, "contract changes nothing before it cannot go back");
    assert!(crm.close().await > 100);
    let client = &tour.stage.database.client;
    assert_eq!(count(client, WRONG).await, 0);
    assert!(count(client, "SELECT count(*) FROM addresses").await > ROWS / 2);
    let schema = tour.schema().await;
    for gone in ["customers.street", "customers.city", "trigger", "function"] {
        assert!(!schema.contains(gone), "{schema}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unwound_from_any_phase_the_schema_is_as_at_the_start() {
    for phase in PHASES {
        let (mut tour, crm) = begin().await;
        let before = tour.schema().await;
        match phase {
            "contract" => {
                tour.go_to("read-switch").await;
                tour.break_statement("DROP COLUMN").await;
                tour.enter(phase).await;
                tour.stage.until("hold", |run| run.hold.is_some()).await;
                tour.mend().await;
            }
            _ => tour.go_to(phase).await,
        }
        let client = &tour.stage.database.client;
        if tour.index_of(phase) >= tour.index_of("backfill") {
            assert_eq!(count(client, APART).await, 0, "in {phase}, at work");
        }
        tour.stage.ask(&["unwind", "--reason", "enough"]).await;
        assert_eq!(tour.stage.ended().await, Some(4), "{}", tour.stage.told());
        assert_eq!(tour.schema().await, before, "from {phase}");
        assert!(crm.close().await > 0);
    }
}

/// What addresses holds of the first attempt is not mistaken for the second's.
#[tokio::test(flavor = "multi_thread")]
async fn addresses_taken_away_between_two_dual_writes_stay_away() {
    let (mut tour, crm) = begin().await;
    tour.go_to("backfill").await;
    tour.roll_back("backfill").await;
    tour.roll_back("dual-write").await;
    let client = &tour.stage.database.client;
    let away = format!(
        "UPDATE customers SET name = '0', street = NULL, city = NULL WHERE id = {ROWS} - 7"
    );
    assert_eq!(client.execute(&away, &[]).await.unwrap(), 1);
    tour.go_to("verify").await;
    let client = &tour.stage.database.client;
    assert_eq!(count(client, APART).await, 0);
    crm.close().await;
    assert_eq!(count(client, WRONG).await, 0);
}

/// Customers, and the street of each.
type Said = &'static [(i64, Option<&'static str>)];

/// Each write, and what both tables have to say of these customers then.
const WRITES: &[(&str, Said)] = &[
    // By an old client.
    ("UPDATE customers SET street = 'one' WHERE id = 3901", &[(3901, Some("one"))]),
    ("UPDATE customers SET street = NULL, city = NULL WHERE id = 3901", &[(3901, None)]),
    ("UPDATE customers SET street = 'two' WHERE id = 3901", &[(3901, Some("two"))]),
    ("UPDATE customers SET name = 'none' WHERE id = 3901", &[(3901, Some("two"))]),
    ("UPDATE customers SET id = 9001 WHERE id = 3901", &[(3901, None), (9001, Some("two"))]),
    // Each takes the id that the one before it leaves.
    ("UPDATE customers SET street = 'three' WHERE id = 3902;
      UPDATE customers SET id = id + 1 WHERE id = 9001;
      UPDATE customers SET id = 9001 WHERE id = 3902",
     &[(9002, Some("two")), (9001, Some("three")), (3902, None)]),
    ("DELETE FROM customers WHERE id = 9002", &[(9002, None)]),
    // By a new one.
    ("UPDATE addresses SET street = 'four' WHERE customer_id = 9001", &[(9001, Some("four"))]),
    ("UPDATE addresses SET customer_id = 3910 WHERE customer_id = 9001;
      UPDATE customers SET name = 'none' WHERE id = 3910",
     &[(9001, None), (3910, Some("four"))]),
    ("DELETE FROM addresses WHERE customer_id = 3910", &[(3910, None)]),
    ("INSERT INTO addresses VALUES (3910, 'five')", &[(3910, Some("five"))]),
    ("WITH c AS (INSERT INTO customers (id, name) VALUES (9003, 'new') RETURNING id)
      INSERT INTO addresses SELECT id, 'six' FROM c",
     &[(9003, Some("six"))]),
    ("DELETE FROM customers WHERE id = 9003", &[(9003, None)]),
    // By both: the later one wins; of one statement it is Postgres' choice, but one.
    ("UPDATE customers SET street = 'seven' WHERE id = 3910;
      UPDATE addresses SET street = 'eight' WHERE customer_id = 3910",
     &[(3910, Some("eight"))]),
    ("UPDATE addresses SET street = 'nine' WHERE customer_id = 3910;
      UPDATE customers SET street = 'ten' WHERE id = 3910",
     &[(3910, Some("ten"))]),
    ("WITH a AS (UPDATE addresses SET street = 'same' WHERE customer_id = 3910)
      UPDATE customers SET city = 'other' WHERE id = 3910", &[]),
    // Ids that follow each other in one statement, one of them without an address.
    (
        "INSERT INTO customers VALUES (9101, 'a', 'a'), (9102, 'b', 'b'), (9103, 'c', NULL), (9104, 'd', 'd');
      UPDATE customers SET id = id - 1 WHERE id > 9100",
        &[(9100, Some("a")), (9101, Some("b")), (9102, None), (9103, Some("d")), (9104, None)],
    ),
    // Into something else, by a trigger of the other side.
    (
        "CREATE FUNCTION public.louder() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN NEW.street := upper(NEW.street); RETURN NEW; END $$;
      CREATE TRIGGER louder BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION louder();
      UPDATE addresses SET street = 'loud' WHERE customer_id = 9100;
      DROP FUNCTION louder CASCADE",
        &[(9100, Some("LOUD"))],
    ),
    // By another trigger, and behind an error that somebody caught.
    ("CREATE SCHEMA more;
      CREATE TABLE more.moves (id bigint, street text);
      CREATE FUNCTION more.move() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        BEGIN
          INSERT INTO addresses VALUES (NEW.id, NULL) ON CONFLICT (customer_id) DO UPDATE SET street = NULL, city = NULL;
        EXCEPTION WHEN check_violation THEN NULL;
        END;
        UPDATE customers SET street = NEW.street WHERE id = NEW.id;
        RETURN NULL;
      END $$;
      CREATE TRIGGER move AFTER INSERT ON more.moves FOR EACH ROW EXECUTE FUNCTION more.move();
      INSERT INTO more.moves VALUES (3904, 'eleven')",
     &[(3904, Some("eleven"))]),
    // As logical replication writes.
    ("SET LOCAL session_replication_role = replica;
      UPDATE customers SET street = 'twelve' WHERE id = 3904;
      UPDATE customers SET street = 'thirteen' WHERE id = 3905;
      DELETE FROM customers WHERE id = 3905",
     &[(3904, Some("twelve")), (3905, None)]),
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_written_on_one_side_is_read_on_both() {
    let (mut tour, crm) = begin().await;
    crm.close().await;
    tour.go_to("backfill").await;
    let client = &mut tour.stage.database.client;
    for (write, expected) in WRITES {
        let transaction = client.transaction().await.unwrap();
        let written = transaction.batch_execute(write).await;
        written.unwrap_or_else(|error| panic!("{write}: {error:?}"));
        transaction.commit().await.unwrap();
        for (id, street) in *expected {
            for side in [
                "SELECT max(street) FROM customers WHERE id = $1",
                "SELECT max(street) FROM addresses WHERE customer_id = $1",
            ] {
                let row = client.query_one(side, &[id]).await.unwrap();
                let found: Option<&str> = row.get(0);
                assert_eq!(found, *street, "{side} of {id} after {write}");
            }
        }
        assert_eq!(count(client, APART).await, 0, "after {write}");
    }
    tour.go_to("verify").await;
}

/// One is missing, one differs, one should not be there; and one has no customer,
/// which the walk of customers alone would not see.
#[tokio::test(flavor = "multi_thread")]
async fn verify_finds_what_is_missing_what_differs_and_what_is_extra() {
    let (mut tour, crm) = begin().await;
    crm.close().await;
    tour.go_to("backfill").await;
    let escape = "SET LOCAL session_replication_role = replica;
        ALTER TABLE customers DISABLE TRIGGER customers_to_addresses;
        ALTER TABLE addresses DISABLE TRIGGER addresses_to_customers;
        DELETE FROM addresses WHERE customer_id = 3;
        UPDATE addresses SET city = 'elsewhere' WHERE customer_id = 4;
        INSERT INTO addresses VALUES (10, 'nobody lives here'), (9999, 'nobody');
        ALTER TABLE customers ENABLE ALWAYS TRIGGER customers_to_addresses;
        ALTER TABLE addresses ENABLE ALWAYS TRIGGER addresses_to_customers";
    let client = &mut tour.stage.database.client;
    let transaction = client.transaction().await.unwrap();
    transaction.batch_execute(escape).await.unwrap();
    transaction.commit().await.unwrap();
    tour.go_to("verify").await;
    let told = |status: &serde_json::Value, gate: &str| {
        let gates = status["gates"].as_array().cloned().unwrap_or_default();
        let gate = gates.into_iter().find(|g| g["id"] == gate);
        gate.map_or_else(String::new, |gate| {
            format!("{} {}", gate["verdict"], gate["reason"])
        })
    };
    let no_go = |status: &serde_json::Value| {
        ["none-wrong", "none-extra"]
            .iter()
            .all(|gate| told(status, gate).contains("NO-GO"))
    };
    let status = tour.stage.until_status("two NO-GOs", no_go).await;
    assert!(told(&status, "none-wrong").contains("3 of"), "{status}");
    // Seen from here: the one that differs, and two that should not be there.
    assert!(told(&status, "none-extra").contains("3 of"), "{status}");
}
