//! The example that makes a column NOT NULL goes back from each phase and
//! forward to its end, with clients that never say a currency.

use crate::clients::{Clients, Dialect};
use crate::servers;
use crate::tour::Tour;

const ROWS: i64 = 4000;
const PHASES: [&str; 4] = ["expand", "backfill", "verify", "contract"];

const SHOP: Dialect = Dialect {
    insert: "INSERT INTO orders (note, currency) VALUES ($1, NULL) RETURNING id",
    update: "UPDATE orders SET note = $2 WHERE id = $1",
    delete: "DELETE FROM orders WHERE id = $1",
    read: "SELECT note FROM orders WHERE id = $1",
};

/// Four clients, and a lead.
async fn begin() -> (Tour, Clients) {
    let database = servers::database().await;
    let create = format!(
        "CREATE TABLE public.orders (
             id bigserial PRIMARY KEY,
             note text,
             currency text
         );
         INSERT INTO public.orders (note, currency)
         SELECT 'old', CASE WHEN n % 20 > 0 THEN 'USD' END FROM generate_series(1, {ROWS}) n;
         ANALYZE public.orders"
    );
    database.client.batch_execute(&create).await.unwrap();
    let clients = Clients::start(&database.dsn, SHOP, 1..=ROWS, &[1, 3, 5, 7]).await;
    // A phase that enters by itself could not be left from its end.
    let edits = [("enter = \"auto\"", "enter = \"person\"")];
    let mut tour = Tour::of("not-null", &edits, &PHASES, database);
    tour.stage.lead().await;
    (tour, clients)
}

/// A constraint that was validated cannot be made unproved again.
fn validated_stays_valid(phase: &str, before: &str) -> String {
    match phase {
        "verify" => before.replace(" NOT VALID (not validated)", ""),
        _ => before.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_phase_goes_back_and_the_column_is_not_null_in_the_end() {
    let (mut tour, clients) = begin().await;
    let undone = tour
        .there_and_back("DROP CONSTRAINT", validated_stays_valid)
        .await;
    assert!(undone, "NOT NULL was there, and went");
    assert!(clients.close().await > 100);
    let client = &tour.stage.database.client;
    let said = format!("id <= {ROWS} AND id % 20 > 0");
    let wrong = format!(
        "SELECT count(*) FROM orders WHERE currency <> CASE WHEN {said} THEN 'USD' ELSE 'EUR' END"
    );
    let wrong: i64 = client.query_one(&wrong, &[]).await.unwrap().get(0);
    assert_eq!(wrong, 0, "a currency that was said is kept");
    let column = "column orders.currency: text not null";
    assert!(tour.schema().await.contains(column));
}

#[tokio::test(flavor = "multi_thread")]
async fn unwound_from_any_phase_the_schema_is_as_at_the_start() {
    for phase in &PHASES[..3] {
        let (mut tour, clients) = begin().await;
        let before = "column orders.currency: text\n";
        tour.go_to(phase).await;
        tour.stage.ask(&["unwind", "--reason", "enough"]).await;
        assert_eq!(tour.stage.ended().await, Some(4), "{}", tour.stage.told());
        let after = tour.schema().await;
        assert!(after.contains(before), "from {phase}: {after}");
        for left in ["trigger", "function", "orders_currency"] {
            assert!(!after.contains(left), "from {phase}: {after}");
        }
        clients.close().await;
    }
}
