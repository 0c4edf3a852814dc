//! Trees from rows, drawn as `1(2 3(4))`.

use super::*;

fn session(pid: i32, behind: &[i32]) -> Involved {
    Involved {
        pid,
        started_us: Some(1),
        application: "shop".to_owned(),
        waited: (!behind.is_empty()).then(|| Duration::from_secs(pid.unsigned_abs().into())),
        behind: behind.to_vec(),
        ..Involved::default()
    }
}

fn ours(pid: i32, behind: &[i32]) -> Involved {
    Involved {
        application: "pgcutover:step".to_owned(),
        ..session(pid, behind)
    }
}

/// `1(2 3(4))`
fn drawn(roots: &[Blocker]) -> String {
    let draw = |blocker: &Blocker| {
        let pid = match (blocker.folded, blocker.session) {
            (0, Some(session)) => session.pid.to_string(),
            (0, None) => "?".to_owned(),
            (more, _) => format!("+{more}"),
        };
        match blocker.behind.is_empty() {
            true => pid,
            false => format!("{pid}({})", drawn(&blocker.behind)),
        }
    };
    roots.iter().map(draw).collect::<Vec<_>>().join(" ")
}

#[test]
fn nobody_waits_for_nobody() {
    assert_eq!(forest(vec![]), Blocking::default());
}

#[test]
fn a_queue_behind_our_waiting_request_hangs_below_it() {
    // 1 reads and does not end; we (2) want to alter; 3 and 4 want to read,
    // 5 wants to write, which conflicts with both of us.
    let blocking = forest(vec![
        session(1, &[]),
        ours(2, &[1]),
        session(3, &[2]),
        session(4, &[2, 2]),
        session(5, &[1, 2]),
    ]);
    assert_eq!(drawn(&blocking.roots), "1(2(5 4 3))");
    assert_eq!(blocking.waiting, 4);
    assert_eq!(
        (blocking.waiting_on_us, blocking.queued_behind_our_wait),
        (3, 3)
    );
    assert_eq!(blocking.longest_on_us, Some(Duration::from_secs(5)));
    assert!(blocking.roots[0].behind[0].ours);
}

#[test]
fn sessions_behind_a_lock_that_we_hold_wait_on_us_and_not_on_our_wait() {
    let blocking = forest(vec![
        ours(1, &[]),
        session(2, &[1]),
        session(3, &[2]),
        ours(4, &[1]),
    ]);
    assert_eq!(
        (blocking.waiting_on_us, blocking.queued_behind_our_wait),
        (2, 0)
    );
}

#[test]
fn a_queue_that_is_not_ours_does_not_count() {
    let blocking = forest(vec![session(1, &[]), session(2, &[1]), ours(3, &[2])]);
    assert_eq!((blocking.waiting_on_us, blocking.waiting), (0, 2));
    assert_eq!(blocking.longest_on_us, None);
}

#[test]
fn the_most_waited_for_comes_first() {
    let blocking = forest(vec![
        session(1, &[]),
        session(2, &[]),
        session(3, &[2]),
        session(4, &[3]),
        session(5, &[1]),
    ]);
    assert_eq!(drawn(&blocking.roots), "2(3(4)) 1(5)");
}

#[test]
fn many_siblings_fold_into_one_row_and_still_count() {
    let waiters = (2..=50).map(|pid| session(pid, &[1]));
    let blocking = forest(
        [session(1, &[]), ours(60, &[1])]
            .into_iter()
            .chain(waiters)
            .collect(),
    );
    assert_eq!(blocking.roots[0].behind.len(), SIBLINGS);
    assert_eq!(drawn(&blocking.roots), "1(60 50 49 48 47 46 45 +43)");
    assert_eq!(blocking.waiting, 50);
}

#[test]
fn a_deadlock_is_a_tree_all_the_same() {
    let blocking = forest(vec![
        session(1, &[2]),
        session(2, &[3]),
        session(3, &[1]),
        ours(4, &[4]),
    ]);
    assert_eq!(drawn(&blocking.roots), "3(2(1)) 4");
    assert_eq!(blocking.waiting, 4);
}

#[test]
fn a_prepared_transaction_has_no_session() {
    let prepared = Involved {
        started_us: None,
        ..session(0, &[])
    };
    let blocking = forest(vec![prepared, session(7, &[0]), session(8, &[99])]);
    assert_eq!(drawn(&blocking.roots), "?(7) 8");
}
