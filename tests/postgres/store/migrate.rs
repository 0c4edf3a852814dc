//! The schema is installed once, by whoever may, and only where it is ours.

use pgcutover::run::fault::Trouble;
use pgcutover::store::migrate::{Installed, MigrateError, Newer, install, version};

use super::{installed, lead};
use crate::support;

#[tokio::test]
async fn several_programs_install_it_at_once() {
    let database = support::database().await;
    let mut installs = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let mut session = lead(&database.dsn).await;
        installs.spawn(async move { install(&mut session).await.unwrap() });
    }
    let done = installs.join_all().await;
    let first = done.iter().filter(|done| done.from.is_none()).count();
    assert_eq!(first, 1, "{done:?}");
    let found = version(&lead(&database.dsn).await).await.unwrap();
    assert_eq!(found, Some(1));
}

#[tokio::test]
async fn what_is_there_is_left_alone() {
    let database = installed().await;
    let again = install(&mut lead(&database.dsn).await).await.unwrap();
    let unchanged = Installed {
        from: Some(1),
        to: 1,
    };
    assert_eq!(again, unchanged);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let database = installed().await;
    let newer = "INSERT INTO pgcutover.schema_version (version) VALUES (99)";
    database.client.batch_execute(newer).await.unwrap();
    let refused = install(&mut lead(&database.dsn).await).await;
    assert!(
        matches!(
            refused,
            Err(MigrateError::Newer(Newer {
                found: 99,
                known: 1
            }))
        ),
        "{refused:?}"
    );
}

#[tokio::test]
async fn somebody_elses_schema_is_refused() {
    let database = support::database().await;
    let theirs = "CREATE SCHEMA pgcutover; CREATE TABLE pgcutover.run (id int)";
    database.client.batch_execute(theirs).await.unwrap();
    let refused = install(&mut lead(&database.dsn).await).await;
    assert!(matches!(refused, Err(MigrateError::Foreign)), "{refused:?}");
}

#[tokio::test]
async fn a_login_that_may_not_is_told_what_to_grant() {
    let database = support::database().await;
    let login = format!("{}_guest", database.name);
    let make = format!("CREATE ROLE {login} LOGIN");
    database.client.batch_execute(&make).await.unwrap();
    let mut guest = lead(&super::as_login(&database, &login)).await;
    let Err(MigrateError::Fault(fault)) = install(&mut guest).await else {
        panic!("installed");
    };
    assert_eq!(fault.trouble, Trouble::Privilege);
    assert!(fault.hint.unwrap().contains("GRANT CREATE"));
}

#[tokio::test]
async fn dropping_the_schema_leaves_nothing() {
    let database = support::database().await;
    let count = "SELECT (SELECT count(*) FROM pg_class) + (SELECT count(*) FROM pg_proc)
                      + (SELECT count(*) FROM pg_type)";
    let before: i64 = database.client.query_one(count, &[]).await.unwrap().get(0);
    install(&mut lead(&database.dsn).await).await.unwrap();
    let drop = "DROP SCHEMA pgcutover CASCADE";
    database.client.batch_execute(drop).await.unwrap();
    let after: i64 = database.client.query_one(count, &[]).await.unwrap().get(0);
    assert_eq!(before, after);
}
