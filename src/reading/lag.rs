//! Owns the signal `replication_lag`: one number out of all standbys, the same
//! for guards and charts; pure.

use std::time::Duration;

use super::server::{Replica, ReplicaState};
use super::{Absence, Reading};

/// The worst lag of the expected standbys (by `application_name`) in seconds, or of all connected ones
/// where none is expected. Absent as soon as one of them cannot be told: a
/// standby that is GONE, STALE or NO-PRIV is not a standby without lag.
///
/// Without any standby it is absent as unsupported, not 0: a guard on lag that
/// can never trip is a mistake that its author has to see.
pub fn worst_lag(replication: &Reading<Vec<Replica>>, expected: &[&str]) -> Reading<f64> {
    match replication {
        Reading::Absent { why, since } => Reading::Absent {
            why: why.clone(),
            since: *since,
        },
        Reading::Measured { value, at } => match worst(value, expected) {
            Ok(lag) => Reading::measured(lag.as_secs_f64(), *at),
            Err(why) => Reading::Absent {
                why,
                since: Some(*at),
            },
        },
    }
}

fn worst(replicas: &[Replica], expected: &[&str]) -> Result<Duration, Absence> {
    let counts =
        |replica: &&Replica| expected.is_empty() || expected.contains(&replica.name.as_str());
    let is_there = |name: &str| replicas.iter().any(|replica| replica.name == name);
    if let Some(missing) = expected.iter().find(|name| !is_there(name)) {
        return Err(unknown(missing, ReplicaState::Gone));
    }
    let lags: Vec<Duration> = replicas
        .iter()
        .filter(counts)
        .map(lag)
        .collect::<Result<_, _>>()?;
    lags.into_iter().max().ok_or(Absence::Unsupported)
}

/// A heartbeat seen on the standby itself counts as well; the worse of the two.
fn lag(replica: &Replica) -> Result<Duration, Absence> {
    match replica.state {
        ReplicaState::NoStandby => Err(Absence::Unsupported),
        ReplicaState::NoPriv => Err(Absence::NoPrivilege),
        state @ (ReplicaState::Gone | ReplicaState::Stale) => Err(unknown(&replica.name, state)),
        // Nothing flows, and it has everything.
        ReplicaState::Idle => Ok(replica.heartbeat_lag.unwrap_or_default()),
        ReplicaState::Ok | ReplicaState::Lagging => {
            let known = replica.replay_lag.into_iter().chain(replica.heartbeat_lag);
            known
                .max()
                .ok_or_else(|| unknown(&replica.name, replica.state))
        }
    }
}

fn unknown(name: &str, state: ReplicaState) -> Absence {
    Absence::Failed(format!("{name} is {}", state.word()))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn replica(name: &str, state: ReplicaState, lag: Option<f64>, beat: Option<f64>) -> Replica {
        Replica {
            name: name.to_owned(),
            state,
            replay_lag: lag.map(Duration::from_secs_f64),
            replay_bytes: Some(1),
            heartbeat_lag: beat.map(Duration::from_secs_f64),
            sync: false,
        }
    }

    fn of(replicas: &[Replica], expected: &[&str]) -> Result<f64, Absence> {
        let reading = Reading::measured(replicas.to_vec(), Timestamp::UNIX_EPOCH);
        match worst_lag(&reading, expected) {
            Reading::Measured { value, .. } => Ok(value),
            Reading::Absent { why, .. } => Err(why),
        }
    }

    #[test]
    fn the_worst_of_the_expected_counts_and_a_stranger_does_not() {
        use ReplicaState::{Idle, Lagging, Ok as Fine};
        let replicas = [
            replica("a", Fine, Some(0.2), None),
            replica("b", Lagging, Some(3.0), Some(4.5)),
            replica("c", Idle, None, None),
            replica("stranger", Lagging, Some(60.0), None),
        ];
        assert_eq!(of(&replicas, &["a", "b", "c"]), Ok(4.5));
        assert_eq!(of(&replicas, &["a"]), Ok(0.2));
        assert_eq!(of(&replicas, &["c"]), Ok(0.0));
        assert_eq!(of(&replicas, &[]), Ok(60.0));
    }

    #[test]
    fn what_cannot_be_told_is_never_a_number() {
        use ReplicaState::{Gone, Lagging, NoPriv, NoStandby, Ok as Fine, Stale};
        let fine = replica("a", Fine, Some(0.1), Some(0.1));
        for (state, why) in [
            (Gone, Absence::Failed("b is GONE".to_owned())),
            (Stale, Absence::Failed("b is STALE".to_owned())),
            (Lagging, Absence::Failed("b is LAGGING".to_owned())),
            (NoPriv, Absence::NoPrivilege),
        ] {
            assert_eq!(
                of(
                    &[fine.clone(), replica("b", state, None, None)],
                    &["a", "b"]
                ),
                Err(why)
            );
        }
        assert_eq!(
            of(&[fine], &["a", "b"]),
            Err(Absence::Failed("b is GONE".to_owned()))
        );
        assert_eq!(
            of(&[replica("none", NoStandby, None, None)], &[]),
            Err(Absence::Unsupported)
        );
        assert_eq!(of(&[], &[]), Err(Absence::Unsupported));
    }

    #[test]
    fn an_absent_reading_stays_absent_for_its_own_reason() {
        let absent = Reading::Absent {
            why: Absence::TimedOut,
            since: None,
        };
        assert_eq!(
            worst_lag(&absent, &[]),
            Reading::Absent {
                why: Absence::TimedOut,
                since: None
            }
        );
    }
}
