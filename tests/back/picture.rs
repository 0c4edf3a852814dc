//! `status --json` in each state: every documented field, with the right value.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::walk::Walk;

/// Enough for a backfill that is met in the middle.
const ROWS: i64 = 20_000;

/// Whether a value is of a kind; `null` where the kind ends in `?`.
fn is_a(kind: &str, value: &Value) -> bool {
    match kind.strip_suffix('?') {
        Some(kind) => value.is_null() || is_a(kind, value),
        None => match kind {
            "text" => value.as_str().is_some_and(|text| !text.is_empty()),
            "said" => value.is_string(),
            "count" => value.is_u64(),
            "number" => value.is_number(),
            "truth" => value.is_boolean(),
            "list" => value.is_array(),
            "object" => value.is_object(),
            _ => unreachable!("{kind}"),
        },
    }
}

/// Exactly these fields, each of its kind.
fn has_shape(value: &Value, shape: &[(&str, &str)]) {
    let object = value.as_object().unwrap();
    let mut names: Vec<_> = shape.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    let mut found: Vec<_> = object.keys().map(String::as_str).collect();
    found.sort_unstable();
    assert_eq!(found, names, "{value:#}");
    for (name, kind) in shape {
        assert!(is_a(kind, &value[name]), "`{name}` is no {kind}: {value:#}");
    }
}

const TOP: &[(&str, &str)] = &[
    ("version", "count"),
    ("run", "text"),
    ("cutover", "text"),
    ("environment", "text"),
    ("plan", "text"),
    ("state", "text"),
    ("phase", "text"),
    ("before", "truth"),
    ("step", "text?"),
    ("verdict", "text"),
    ("lead", "text?"),
    ("hold", "text?"),
    ("head", "count"),
    ("backfill", "object?"),
    ("parity", "object?"),
    ("gates", "list"),
    ("guards", "list"),
    ("attached", "list?"),
];
const BACKFILL: &[(&str, &str)] = &[
    ("step", "text"),
    ("rows_done", "count"),
    ("rows_total", "count"),
    ("rows_per_second", "number?"),
    ("elapsed_ms", "count"),
    ("chunks", "count"),
    ("quarantined", "count"),
    ("aside", "list"),
    ("workers", "count"),
    ("parts", "list"),
    ("eta_low_s", "count?"),
    ("eta_high_s", "count?"),
    ("eta_assumes", "said"),
    ("pace", "count"),
    ("reason", "text?"),
    ("whole_ms", "count"),
    ("lost", "list"),
    ("eta_told", "list"),
];
const PARITY: &[(&str, &str)] = &[
    ("step", "text"),
    ("done", "truth"),
    ("rows", "count"),
    ("coverage", "number"),
    ("confirmed", "count"),
    ("hot", "count"),
];
const GATE: &[(&str, &str)] = &[("id", "text"), ("verdict", "text"), ("reason", "said")];
const GUARD: &[(&str, &str)] = &[
    ("id", "text"),
    ("state", "text"),
    ("signal", "text"),
    ("unit", "said"),
    ("value", "number?"),
    ("limit", "number?"),
    ("age_ms", "count?"),
    ("reason", "said"),
];

/// Waits for a state; every field of it is as documented, and so is the code.
async fn in_state(walk: &Walk, state: &str, code: i32) -> Value {
    let status = walk
        .stage
        .until_status(state, |status| status["state"] == state)
        .await;
    has_shape(&status, TOP);
    for (name, shape) in [("backfill", BACKFILL), ("parity", PARITY)] {
        if status[name].is_object() {
            has_shape(&status[name], shape);
        }
    }
    for (name, shape) in [("gates", GATE), ("guards", GUARD)] {
        status[name]
            .as_array()
            .unwrap()
            .iter()
            .for_each(|item| has_shape(item, shape));
    }
    assert_eq!(status["version"], 1);
    assert_eq!(status["cutover"], "users-email-rename");
    assert_eq!(status["environment"], "demo");
    let run = walk.stage.run().await.unwrap();
    assert_eq!(status["run"], run.id.to_string());
    assert_eq!(status["plan"], run.plan_hash);
    let (later, said) = walk.stage.status().await;
    assert_eq!(said, code, "{later:#}");
    status
}

/// These fields have these values.
fn says(status: &Value, wanted: &Value) {
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(&status[name], value, "`{name}` of {status:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn status_says_in_json_what_is_so_in_every_state() {
    let mut walk = Walk::of(ROWS, "4s").await;
    walk.stage.lead().await;
    let status = in_state(&walk, "NOT STARTED", 0).await;
    says(
        &status,
        &json!({
            "phase": "expand", "before": true, "step": null, "hold": null, "backfill": null,
            "parity": null, "gates": [], "verdict": "Nothing has been touched yet. expand is next.",
        }),
    );
    assert!(status["lead"].as_str().unwrap().starts_with("postgres on "));

    walk.stage.ask(&["pace", "1"]).await;
    walk.go_to("dual-write").await;
    backfilling(&walk).await;
    held_and_left(&mut walk).await;
    walk.stage.ask(&["pace", "100"]).await;
    walk.enter("read-switch").await;
    soaking(&walk).await;
    walk.complete("read-switch").await;
    walk.enter("contract").await;
    assert_eq!(walk.stage.ended().await, Some(0), "{}", walk.stage.told());
    let status = in_state(&walk, "FINISHED", 0).await;
    says(
        &status,
        &json!({"phase": "contract", "step": null, "hold": null, "before": false}),
    );
    walk.close().await;
}

async fn backfilling(walk: &Walk) {
    let measured = walk
        .stage
        .until_status("second chunk", |status| {
            let measured = status["guards"][0]["value"].is_number();
            let moving = ["rows_per_second", "eta_low_s", "eta_high_s"];
            let moves = |name: &&str| status["backfill"][*name].is_number();
            measured && moving.iter().all(moves)
        })
        .await;
    let status = in_state(walk, "RUNNING", 0).await;
    says(
        &status,
        &json!({"phase": "backfill", "before": false, "step": "copy", "hold": null}),
    );
    let backfill = &measured["backfill"];
    says(
        backfill,
        &json!({"pace": 1, "reason": "pace", "quarantined": 0}),
    );
    let count = |name: &str| backfill[name].as_u64().unwrap();
    let rows = ROWS.unsigned_abs();
    assert!((1..rows).contains(&count("rows_done")), "{backfill:#}");
    assert!(
        (rows / 2..rows * 2).contains(&count("rows_total")),
        "{backfill:#}"
    );
    assert!(
        count("chunks") > 0 && count("elapsed_ms") > 0,
        "{backfill:#}"
    );
    assert!(count("eta_low_s") <= count("eta_high_s"), "{backfill:#}");
    let guard = &measured["guards"][0];
    says(
        guard,
        &json!({"id": "replica-lag", "state": "ok", "limit": 2.0}),
    );
    assert!(guard["value"].as_f64().unwrap() < 2.0 && guard["age_ms"].as_u64().unwrap() < 5000);

    walk.stage.ask(&["pause"]).await;
    let status = in_state(walk, "PAUSED", 0).await;
    says(
        &status["backfill"],
        &json!({"reason": "pause", "eta_low_s": null, "eta_high_s": null}),
    );
    assert_eq!(status["verdict"], "copy paused by postgres.");
    walk.stage.ask(&["resume"]).await;
}

async fn held_and_left(walk: &mut Walk) {
    walk.stage.ask(&["hold", "--reason", "lunch"]).await;
    let status = in_state(walk, "HELD", 3).await;
    says(
        &status,
        &json!({"hold": "postgres: lunch", "verdict": "Held by postgres: lunch"}),
    );
    assert_eq!(status["backfill"]["reason"], "hold");
    walk.stage.signal(Signal::TERM);
    assert_eq!(walk.stage.ended().await, Some(3));
    let status = in_state(walk, "NO LEAD", 3).await;
    says(
        &status,
        &json!({
            "lead": null, "hold": "postgres: lunch", "phase": "backfill", "step": "copy",
            "backfill": null,
        }),
    );
    walk.stage.lead().await;
    walk.stage.ask(&["release"]).await;
    in_state(walk, "RUNNING", 0).await;
    walk.stage.kill();
    let status = in_state(walk, "NO LEAD", 0).await;
    says(&status, &json!({"lead": null, "hold": null}));
    walk.stage.lead().await;
}

async fn soaking(walk: &Walk) {
    let status = in_state(walk, "SOAKING", 0).await;
    says(
        &status,
        &json!({"phase": "read-switch", "step": "flag-100"}),
    );
    says(
        &status["gates"][0],
        &json!({"id": "ramp", "verdict": "PENDING"}),
    );
    let ids: Vec<_> = status["gates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gate| &gate["id"])
        .collect();
    assert_eq!(
        ids,
        [
            "ramp",
            "bake",
            "readers-fine",
            "old-clients-gone",
            "in-window"
        ]
    );
    let parity = &status["parity"];
    says(
        parity,
        &json!({"step": "emails", "done": true, "coverage": 1.0, "confirmed": 0}),
    );
    assert!(
        parity["rows"].as_u64().unwrap() >= ROWS.unsigned_abs() / 2,
        "{parity:#}"
    );
}
