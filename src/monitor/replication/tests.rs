//! How standbys are told apart, by what the primary says second by second.

use super::*;
use crate::runbook::StandbyId;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

/// A streaming standby that has everything up to `position` of `primary`.
fn streaming(position: u64, primary: u64, reply_us: i64) -> Sample {
    Sample {
        pid: 7,
        name: "a".to_owned(),
        state: Some("streaming".to_owned()),
        replay_position: Some(position),
        replay_bytes: Some(primary - position),
        write_bytes: Some(0),
        reply_us: Some(reply_us),
        ..Sample::default()
    }
}

fn one(tracker: &mut Tracker, sample: &Sample, second: i64) -> Replica {
    tracker
        .replicas(std::slice::from_ref(sample), &[], at(second))
        .remove(0)
}

#[test]
fn a_standby_with_everything_and_no_lag_is_idle_not_zero() {
    let replica = one(&mut Tracker::default(), &streaming(100, 100, 1), 0);
    assert_eq!(
        (replica.state, replica.replay_lag),
        (ReplicaState::Idle, None)
    );
    assert_eq!(replica.replay_bytes, Some(0));
}

#[test]
fn an_old_lag_no_longer_counts_once_everything_is_replayed() {
    let sample = Sample {
        replay_lag: Some(Duration::from_secs(30)),
        ..streaming(100, 100, 1)
    };
    let replica = one(&mut Tracker::default(), &sample, 0);
    assert_eq!(
        (replica.state, replica.replay_lag),
        (ReplicaState::Ok, Some(Duration::ZERO))
    );
}

#[test]
fn a_paused_replay_lags_by_the_primarys_own_clock() {
    let mut tracker = Tracker::default();
    let mut last = None;
    for second in 0_i64..10 {
        let primary = 100 + 10 * second.unsigned_abs();
        tracker.primary_at(primary, at(second));
        // Paused at 120, where the primary was at second 2.
        let sample = streaming(120.min(primary), primary, second);
        last = Some(one(&mut tracker, &sample, second));
    }
    let replica = last.unwrap();
    assert_eq!(replica.state, ReplicaState::Lagging);
    // Seen beyond 120 at second 3; now is 9.
    assert_eq!(replica.replay_lag, Some(Duration::from_secs(6)));
    assert_eq!(replica.replay_bytes, Some(70));
}

#[test]
fn a_standby_a_moment_behind_is_ok() {
    let mut tracker = Tracker::default();
    tracker.primary_at(100, at(0));
    tracker.primary_at(200, at(1));
    let sample = Sample {
        replay_lag: Some(Duration::from_millis(3)),
        ..streaming(190, 200, 1)
    };
    let replica = one(&mut tracker, &sample, 1);
    assert_eq!(
        (replica.state, replica.replay_lag),
        (ReplicaState::Ok, Some(Duration::from_millis(3)))
    );
}

#[test]
fn a_reported_lag_counts_where_it_is_the_worse() {
    let sample = Sample {
        replay_lag: Some(Duration::from_secs(8)),
        ..streaming(190, 200, 1)
    };
    let mut tracker = Tracker::default();
    tracker.primary_at(190, at(0));
    let replica = one(&mut tracker, &sample, 1);
    assert_eq!(
        (replica.state, replica.replay_lag),
        (ReplicaState::Lagging, Some(Duration::from_secs(8)))
    );
}

#[test]
fn a_standby_that_no_longer_answers_is_stale() {
    let mut tracker = Tracker::default();
    tracker.primary_at(100, at(0));
    let mut states = Vec::new();
    for second in 0..8 {
        let sample = Sample {
            write_bytes: Some(50),
            ..streaming(100, 150, 1)
        };
        states.push(one(&mut tracker, &sample, second).state);
    }
    assert_eq!(states[4], ReplicaState::Ok);
    assert_eq!(states[5], ReplicaState::Stale);
    // One answer is enough.
    let sample = Sample {
        write_bytes: Some(50),
        ..streaming(100, 150, 2)
    };
    assert_eq!(one(&mut tracker, &sample, 8).state, ReplicaState::Ok);
}

#[test]
fn silence_on_an_idle_link_is_no_trouble() {
    let mut tracker = Tracker::default();
    for second in 0..60 {
        assert_eq!(
            one(&mut tracker, &streaming(100, 100, 1), second).state,
            ReplicaState::Idle
        );
    }
}

#[test]
fn a_standby_that_catches_up_lags() {
    let sample = Sample {
        state: Some("catchup".to_owned()),
        ..streaming(190, 200, 1)
    };
    assert_eq!(
        one(&mut Tracker::default(), &sample, 1).state,
        ReplicaState::Lagging
    );
}

#[test]
fn hidden_figures_are_no_priv() {
    let sample = Sample {
        pid: 7,
        name: "a".to_owned(),
        ..Sample::default()
    };
    let replica = one(&mut Tracker::default(), &sample, 1);
    assert_eq!(
        (replica.state, replica.replay_bytes),
        (ReplicaState::NoPriv, None)
    );
}

#[test]
fn expected_standbys_come_first_and_the_missing_one_is_gone() {
    let standby = |name: &str| Standby {
        id: StandbyId::new(name),
        application_name: name.to_owned(),
        source: None,
    };
    let sample = |name: &str, pid| Sample {
        name: name.to_owned(),
        pid,
        ..streaming(1, 1, 1)
    };
    let samples = [
        sample("a", 1),
        sample("x", 2),
        sample("b", 3),
        sample("b", 4),
    ];
    let expected = [standby("b"), standby("c"), standby("a")];
    let replicas = Tracker::default().replicas(&samples, &expected, at(0));
    let names: Vec<_> = replicas
        .iter()
        .map(|r| (r.name.as_str(), r.state.word()))
        .collect();
    let stands = [
        ("b", "IDLE"),
        ("b", "IDLE"),
        ("c", "GONE"),
        ("a", "IDLE"),
        ("x", "IDLE"),
    ];
    assert_eq!(names, stands);
}

#[test]
fn without_any_standby_it_says_so() {
    let replicas = Tracker::default().replicas(&[], &[], at(0));
    assert_eq!(replicas[0].state, ReplicaState::NoStandby);
}

#[test]
fn another_primary_begins_a_new_history() {
    let mut tracker = Tracker::default();
    tracker.primary_at(1000, at(0));
    tracker.primary_at(100, at(60));
    let replica = one(&mut tracker, &streaming(100, 100, 1), 60);
    assert_eq!(replica.state, ReplicaState::Idle);
    tracker.primary_at(110, at(61));
    let replica = one(&mut tracker, &streaming(100, 110, 1), 62);
    assert_eq!(replica.replay_lag, Some(Duration::from_secs(1)));
}

#[test]
fn a_lag_of_hours_is_told_within_a_few_percent() {
    let mut tracker = Tracker::default();
    let mut told = Vec::new();
    for second in 0_i64..20_000 {
        let primary = 100 + 10 * second.unsigned_abs();
        tracker.primary_at(primary, at(second));
        // Paused at 120: the primary was seen beyond it at second 3.
        let sample = streaming(120.min(primary), primary, second);
        if second > 3 {
            let lag = one(&mut tracker, &sample, second).replay_lag.unwrap();
            told.push((second - 3, lag.as_secs_f64()));
        }
    }
    assert!(tracker.positions.len() <= REMEMBERED);
    for (truth, lag) in told {
        let truth = truth as f64;
        assert!(lag <= truth && lag >= 0.9 * truth - 1.0, "{lag} of {truth}");
    }
    // And what happened just now, to the second.
    let sample = streaming(100 + 10 * 19_990, 100 + 10 * 19_999, 20_000);
    let lag = one(&mut tracker, &sample, 20_000).replay_lag;
    assert_eq!(lag, Some(Duration::from_secs(9)));
}

#[test]
fn behind_everything_remembered_its_lag_is_unknown_not_short() {
    let mut tracker = Tracker::default();
    for second in 0_i64..3 {
        tracker.primary_at(200 + second.unsigned_abs(), at(second));
        let replica = one(&mut tracker, &streaming(100, 200, second), second);
        assert_eq!(
            (replica.state, replica.replay_lag),
            (ReplicaState::Lagging, None)
        );
    }
}
