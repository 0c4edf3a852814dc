//! Bad input: its message and exit code, and nothing touched in the database.

use pgcutover::sandbox::Stop;

use crate::program::Answer;
use crate::stage::{Stage, URL};

/// No trace of ours, and the table as it was.
async fn untouched(stage: &Stage) {
    let query = "SELECT count(*) FROM pg_namespace WHERE nspname = 'pgcutover'
        UNION ALL SELECT count(*) FROM pg_attribute
            WHERE attrelid = 'public.users'::regclass AND attname = 'email_address'";
    let client = stage.connect().await;
    let rows = client.query(query, &[]).await.unwrap();
    assert!(rows.iter().all(|row| row.get::<_, i64>(0) == 0));
}

/// Broken runbooks: what makes them so, the code of the fault, what it says.
const BROKEN: &[(&str, &str, &str)] = &[
    ("format = 1", "format = = 1", "syntax"),
    ("channel =", "chanel =", "unknown-field"),
    ("id = \"dual-write\"", "id = \"expand\"", "duplicate-id"),
    ("check = \"emails\"", "check = \"mails\"", "dangling-id"),
    (
        "tbl = { ident = \"public.users\" }",
        "tbl = { ident = \"users; drop table users\" }",
        "bad-ident",
    ),
    (
        "irreversible = \"the old column's data is gone\"",
        "",
        "no-irreversible-step",
    ),
    (
        "ALTER TABLE {{tbl}} ADD COLUMN email_address text\"",
        "ALTER TABLE {{tbl}} RENAME COLUMN email TO email_address\"",
        "fault[rename]",
    ),
    (
        "ALTER TABLE {{tbl}} ADD COLUMN email_address text\"",
        "UPDATE {{tbl}} SET email = lower(email)\"",
        "unbatched-write",
    ),
    (
        "hold = { above = \"60s\", for = \"30s\" }",
        "rollback = { above = \"60s\", for = \"30s\" }",
        "not-supported-yet",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_runbook_is_refused_before_anything_is_touched() {
    let stage = Stage::without_clients(100, &[]).await;
    let whole = std::fs::read_to_string(stage.runbook()).unwrap();
    for (from, to, code) in BROKEN {
        std::fs::write(stage.runbook(), whole.replacen(from, to, 1)).unwrap();
        let mut check = stage.program();
        check.arg("check").arg(stage.runbook());
        for command in [check, stage.run(&["--headless"])] {
            let answer = Answer::of(command).await;
            assert_eq!(answer.code, Some(2), "{to}: {answer:?}");
            let said = answer.out + &answer.err;
            assert!(said.contains("rename-column.toml:"), "{to}: {said}");
            assert!(said.contains(code), "{to}: {said}");
        }
    }
    untouched(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runbook_that_does_not_fit_the_database_is_refused() {
    let edits = [(
        "{ ident = \"public.users\" }",
        "{ ident = \"public.people\" }",
    )];
    let stage = Stage::without_clients(100, &edits).await;
    for options in [["--headless"], ["--plan-only"]] {
        let answer = Answer::of(stage.run(&options)).await;
        assert_eq!(answer.code, Some(2), "{answer:?}");
        assert!(answer.err.contains("public.people"), "{answer:?}");
        assert!(
            answer.err.contains("nothing has been changed"),
            "{answer:?}"
        );
    }
    untouched(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_shown_without_touching_anything() {
    let stage = Stage::without_clients(100, &[]).await;
    let answer = Answer::of(stage.run(&["--plan-only"])).await;
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(
        answer.out.contains("ADD COLUMN email_address"),
        "{answer:?}"
    );
    untouched(&stage).await;
}

/// One line, perhaps with a hint; no secret, no source code's place.
fn is_plain(answer: &Answer) {
    assert_eq!(answer.code, Some(1), "{answer:?}");
    let lines: Vec<_> = answer.err.lines().collect();
    assert!(lines[0].starts_with("error: "), "{answer:?}");
    let hints = lines[1..].iter().all(|line| line.starts_with("hint: "));
    assert!(hints && lines.len() <= 2, "{answer:?}");
    assert!(!answer.err.contains("s3cret"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_leads_nowhere_is_an_error_of_one_line() {
    let stage = Stage::without_clients(100, &[]).await;
    let directory = stage.cluster.primary().socket_dir().display().to_string();
    let wrong = [
        "postgresql://ana:s3cret@127.0.0.1:1/app".to_owned(),
        format!(
            "postgresql://ana:s3cret@/nowhere?host={directory}&port={}&user=postgres",
            stage.cluster.primary().port()
        ),
        "postgresql://ana:s3cret@127.0.0.1:port/app".to_owned(),
        "mysql://ana:s3cret@127.0.0.1/app".to_owned(),
    ];
    for url in &wrong {
        let mut run = stage.run(&["--headless"]);
        run.env(URL, url);
        is_plain(&Answer::of(run).await);
        let mut status = stage.program();
        status.args(["status", "--url-env", URL]).env(URL, url);
        is_plain(&Answer::of(status).await);
    }
    let mut unset = stage.run(&["--headless"]);
    unset.env_remove(URL);
    let answer = Answer::of(unset).await;
    is_plain(&answer);
    assert!(answer.err.contains(URL), "{answer:?}");
    // Nobody has ever run anything here.
    let answer = stage.verb("hold").await;
    is_plain(&answer);
    untouched(&stage).await;
    stage.cluster.primary().stop(Stop::Fast).unwrap();
    is_plain(&Answer::of(stage.run(&["--headless"])).await);
    is_plain(&stage.verb("status").await);
}
