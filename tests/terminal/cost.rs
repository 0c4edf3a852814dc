//! What the dashboard costs: bytes to the terminal and processor time of `run`
//! on private servers, while it backfills, paused, and held. Figures, not a
//! test: made by `tests/terminal_cost.sh`, which also says what they should be.

use std::collections::BTreeMap;
use std::fs;
use std::thread::sleep;
use std::time::Duration;

use crate::demo::SMALL;
use crate::screen::Screen;
use crate::stage::Stage;

/// How long each is watched. Ticks of the processor's clock are 10 ms: so long,
/// that one of them is 0.05 % of a core.
const WATCHED: Duration = Duration::from_secs(12);

/// At full pace, so that the backfill does not come to its end.
const BRIEFLY: Duration = Duration::from_secs(5);

/// After a key: until all that follows from it has been drawn.
const SETTLES: Duration = Duration::from_secs(3);

/// So many that the backfill is still in its middle at the end.
const ROWS: i64 = 6_000_000;

/// Chunks as the runbook has them by itself.
const USUAL: (&str, &str) = ("min = 100, max = 250", "min = 100, max = 50_000");

/// The thread that tui-logger keeps, which wakes 99 times a second.
const LOGGER: &str = "tui-logger";

/// What a program has used up so far.
struct Used {
    bytes: usize,
    threads: BTreeMap<String, Duration>,
}

impl Used {
    fn by(screen: &Screen) -> Self {
        Self {
            bytes: screen.bytes().len(),
            threads: threads(screen.pid()),
        }
    }

    /// Processor time since, of the threads that are meant.
    fn since(&self, before: &Self, meant: impl Fn(&str) -> bool) -> Duration {
        let spent = self.threads.iter().map(|(name, now)| {
            let earlier = before.threads.get(name).copied().unwrap_or_default();
            (name, now.saturating_sub(earlier))
        });
        spent
            .filter(|(name, _)| meant(name))
            .map(|(_, time)| time)
            .sum()
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes, and wants a release build"]
async fn figures() {
    println!(
        "{:<10} {:<10} {:>9} {:>13} {:>12}",
        "size", "state", "bytes/s", "% of a core", "tui-logger"
    );
    for size in [SMALL, (200, 60)] {
        let stage = Stage::without_clients(ROWS, &[USUAL]).await;
        let mut screen = Screen::start(stage.run(&[]).as_std(), size);
        screen.shows("NOT STARTED");
        watch("rest", &screen, size, WATCHED);
        screen.press("a");
        screen.confirms("advance into expand");
        screen.shows("Ready for dual-write");
        screen.press("a");
        screen.confirms("advance into dual-write");
        screen.shows("BACKFILL");
        watch("full pace", &screen, size, BRIEFLY);
        for pace in [90, 80, 70, 60, 50, 40, 30, 20] {
            screen.press("-");
            screen.shows(&format!("you {pace}%"));
        }
        watch("pace 20%", &screen, size, WATCHED);
        screen.press("p");
        screen.shows("PAUSED");
        watch("paused", &screen, size, WATCHED);
        screen.press(" ");
        screen.shows("HELD");
        watch("held", &screen, size, WATCHED);
        assert!(screen.text().contains("BACKFILL"), "{}", screen.text());
        screen.signal("TERM");
        assert_eq!(screen.ends(), 3);
    }
}

/// Watches for a while, and prints the figures a second.
fn watch(state: &str, screen: &Screen, (columns, rows): (u16, u16), time: Duration) {
    sleep(SETTLES);
    let before = Used::by(screen);
    sleep(time);
    let after = Used::by(screen);
    let ours = after.since(&before, |name| !name.starts_with(LOGGER));
    let logger = after.since(&before, |name| name.starts_with(LOGGER));
    let percent = |spent: Duration| 100.0 * spent.as_secs_f64() / time.as_secs_f64();
    let bytes = (after.bytes - before.bytes) as f64 / time.as_secs_f64();
    println!(
        "{:<10} {state:<10} {bytes:>9.0} {:>13.2} {:>12.2}",
        format!("{columns}x{rows}"),
        percent(ours),
        percent(logger),
    );
    for name in after.threads.keys() {
        let spent = after.since(&before, |other| other == name);
        if spent > Duration::ZERO {
            println!("{:21} {:>23.2}  {name}", "", percent(spent));
        }
    }
}

/// Processor time of every thread, by name and number. See proc(5).
fn threads(pid: u32) -> BTreeMap<String, Duration> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let stats = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("stat")).ok());
    let thread = |stat: String| {
        // The name may hold anything; fields are counted behind it.
        let (head, fields) = stat.rsplit_once(") ")?;
        let (number, name) = head.split_once(" (")?;
        let ticks = fields.split(' ').skip(11).take(2);
        let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
        // USER_HZ is 100 on every Linux.
        Some((
            format!("{name} {number}"),
            Duration::from_millis(ticks * 10),
        ))
    };
    stats.filter_map(thread).collect()
}
