//! Killed at any instant, a run resumes: no row lost or written twice, no
//! client's write reverted, nothing forgotten.

use std::collections::BTreeSet;
use std::time::Duration;

use pgcutover::seam::{SEAMS, VARIABLE};

use crate::program::Lead;
use crate::stage::Stage;
use crate::{evidence, operator};

/// The largest chunk of the stage's runbook: what may be in flight.
const CHUNK: i64 = 250;

/// Starts the first lead and the audit.
async fn begun(stage: &Stage) -> Lead {
    let lead = stage.lead();
    stage
        .status_when("the run", |status| status.state == "NOT STARTED")
        .await;
    evidence::audit(&stage.connect().await).await;
    stage.accepted("pace 40").await;
    lead
}

/// Everything that the brief of this tool promises about a crash.
async fn nothing_is_lost(stage: &mut Stage, kills: i64) {
    let client = stage.connect().await;
    let audit = evidence::audited(&client).await;
    assert_eq!(audit.committed, audit.distinct, "rows written twice");
    assert!(
        audit.written - audit.committed <= kills * CHUNK,
        "{audit:?}"
    );
    let events = evidence::journal_is_whole(stage).await;
    let summary = evidence::backfill_summary(&events);
    assert_eq!(summary.rows_written, audit.committed.unsigned_abs());
    assert_eq!(summary.quarantined, 0);
    let ids = "SELECT max(id) FROM public.users";
    let ids: i64 = client.query_one(ids, &[]).await.unwrap().get(0);
    let once = summary.rows_visited <= ids.unsigned_abs();
    assert!(once, "more visits than ids: {summary:?}");
    evidence::clients_are_content(stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_killed_at_random_instants_loses_nothing() {
    let rounds = number("PGCUTOVER_KILL_ROUNDS").unwrap_or(6);
    let seed = number("PGCUTOVER_KILL_SEED").unwrap_or_else(seed_of_now);
    println!("PGCUTOVER_KILL_SEED={seed} PGCUTOVER_KILL_ROUNDS={rounds}");
    let mut dice = Dice(seed);
    let mut stage = Stage::set(20_000, &[]).await;
    let mut lead = begun(&stage).await;
    let drive = async |phase| match phase {
        "" => operator::drive_to_the_end(&stage).await,
        phase => operator::drive_up_to(&stage, phase).await,
    };
    let mut kills = 0;
    for goal in ["contract", ""] {
        let driven = drive(goal);
        let mut driven = std::pin::pin!(driven);
        loop {
            // The more, the sooner: a run takes some ten seconds.
            let instant = Duration::from_millis(dice.roll(200 + 12_000 / rounds.max(1)));
            let last = kills == rounds || goal.is_empty() && kills + 1 == rounds;
            tokio::select! {
                () = &mut driven => break,
                () = tokio::time::sleep(instant), if !last => {
                    lead.kill().await;
                    kills += 1;
                    lead = stage.lead();
                }
            }
        }
        if goal == "contract" {
            evidence::columns_agree(&stage.connect().await).await;
        }
    }
    lead.exits_with(0).await;
    println!("killed {kills} times");
    assert!(kills >= rounds.min(3), "killed {kills} times only");
    nothing_is_lost(&mut stage, kills.try_into().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_killed_once_at_each_seam_loses_nothing() {
    // In the order in which a run gets to them.
    let deaths = [
        "append-before-commit:2",
        "append-after-commit",
        "ddl-before-commit",
        "ddl-after-commit",
        "chunk-before-commit:3",
        "chunk-after-commit:3",
        "sweep-before-done",
        "exec-before",
        "exec-after",
    ];
    let named = deaths.iter().map(|death| death.split(':').next().unwrap());
    let named: BTreeSet<_> = named.collect();
    assert_eq!(named, SEAMS.iter().copied().collect(), "every seam");
    let mut stage = Stage::set(10_000, &[]).await;
    let drive = async {
        operator::drive_up_to(&stage, "contract").await;
        evidence::columns_agree(&stage.connect().await).await;
        operator::drive_to_the_end(&stage).await;
    };
    let die = async {
        begun(&stage).await.kill().await;
        for death in &deaths {
            stage.lead_with(&[(VARIABLE, death)]).dies().await;
        }
        stage.lead().exits_with(0).await;
        let again = stage.lead().exits_with(0).await;
        assert!(again.contains("nothing is left to do"), "{again}");
    };
    tokio::join!(die, drive);
    let kills = deaths.len() + 1;
    nothing_is_lost(&mut stage, kills.try_into().unwrap()).await;
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn seed_of_now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_millis().try_into().unwrap()
}

/// SplitMix64: <https://prng.di.unimi.it/splitmix64.c>.
struct Dice(u64);

impl Dice {
    /// 0 to `below`, exclusive.
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}
