//! Owns who works on which range of a backfill, and what is told of it; never
//! works itself.
//!
//! One owner, one loop. A worker belongs to its turn while that is in flight and
//! to this loop in between, so nothing is shared and nothing is locked: every
//! decision falls at the end of somebody's chunk. The price is that a worker
//! without work waits for the end of a chunk before it gets some.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, watch};

use super::account::{Account, Report};
use super::book::Book;
use super::range::{Part, Range, Stage};
use super::site::Site;
use super::worker::{Hand, Turn, Worker};
use super::{Ended, FIRST_CHUNK, Job, identity};
use crate::pg::cadence::Control;
use crate::pg::chunked::ChunkedSession;
use crate::pg::keyset::Key;
use crate::pg::session::Session;
use crate::run::again::Again;
use crate::run::fault::Fault;
use crate::runbook::MAX_WORKERS;

/// Said once where checkpoints could not be used.
const VOID: &str = "the checkpoint is of another server, table or collation version: started again";
/// After a session could not be opened for a further worker, the next try.
const HIRE_AGAIN: Duration = Duration::from_secs(30);

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// Opens a session.
pub(super) type Open = Box<dyn Fn() -> Boxed<Result<Session, Fault>> + Send + Sync>;

/// What comes back to the loop.
enum Back {
    /// A further worker has a session, or has not got one.
    Hired(Result<Box<Hand>, Fault>),
    /// A worker stands at its range.
    Ready(Result<Box<Worker>, Fault>),
    /// A turn is over.
    Turned(Box<Worker>, Result<Turn, Fault>),
    /// A range was cut, or too little was left of it.
    Cut(Box<Worker>, Result<Option<Range>, Fault>),
}

/// All workers of one backfill.
pub(super) struct Crew {
    open: Open,
    site: Arc<Site>,
    parts: Vec<Arc<Part>>,
    book: Book,
    /// What the driver wants, and the same with our own wish to stop.
    control: watch::Receiver<Control>,
    orders: watch::Sender<Control>,
    flights: FuturesUnordered<Boxed<Back>>,
    idle: Vec<Hand>,
    hands: u16,
    hire_after: Instant,
    next_range: i32,
    account: Account,
    waits: (mpsc::Sender<u16>, mpsc::Receiver<u16>),
    /// Why all have to stop, where one failed.
    failed: Option<Fault>,
}

impl Crew {
    /// Opens the first session, and finds the checkpoints or begins them.
    pub(super) async fn gather(
        open: Open,
        job: Job,
        control: watch::Receiver<Control>,
        report: Report,
    ) -> Result<Self, Fault> {
        let (orders, waits) = (
            watch::Sender::new(control.borrow().clone()),
            mpsc::channel(usize::from(MAX_WORKERS)),
        );
        let target = job.spec.chunk.target;
        let session = ChunkedSession::new(open().await?, target).await?;
        let client = session.client();
        let identity = session.run(identity::read(client, &job.table)).await?;
        let parts = session.run(Site::parts(client, &job)).await?;
        let first = Hand::new(0, session, &job, orders.subscribe(), waits.0.clone()).await?;
        let (session, ledger) = (&first.session, &first.ledger);
        let mut found = session
            .run(ledger.load(session.client(), &identity, &parts))
            .await?;
        let voided = found.voided;
        if found.ranges.is_empty() {
            let ends = match &job.what {
                Again::Range { low, high } => [low, high].map(|end| end.clone().map(Key)),
                Again::Whole | Again::Quarantined => [None, None],
            };
            found.ranges = ranges(&parts, 0, &ends);
            let begun = ledger.begin(session.client(), &found.ranges, &identity);
            session.run(begun).await?;
        }
        let quarantine = session.run(ledger.quarantine(session.client())).await?;
        Ok(Self {
            open,
            site: Arc::new(Site::new(job, identity, quarantine)),
            parts,
            next_range: found
                .ranges
                .iter()
                .map(|range| range.number + 1)
                .max()
                .unwrap_or(0),
            book: Book::of(found.ranges),
            account: Account::new(report, found.age, voided.then(|| VOID.to_owned())),
            control,
            orders,
            flights: FuturesUnordered::new(),
            idle: vec![first],
            hands: 1,
            hire_after: Instant::now(),
            waits,
            failed: None,
        })
    }

    /// Works until it is done, or stopped at the end of every worker's chunk.
    pub(super) async fn run(mut self) -> Result<Ended, Fault> {
        loop {
            self.relay();
            if !self.is_stopping() {
                self.staff();
            }
            if self.flights.is_empty() {
                if let Some(fault) = self.failed {
                    return Err(fault);
                }
                if self.is_stopping() {
                    return Ok(Ended::Stopped);
                }
                if self.book.stage() == Stage::Done && !self.find_parts().await? {
                    return Ok(Ended::Done(self.account.summary(&self.book, &self.site)));
                }
                continue;
            }
            tokio::select! {
                // First who waits: a turn that is over waits no more.
                biased;
                Some(number) = self.waits.1.recv() => {
                    self.account.waits(number, self.flights.len());
                }
                Some(back) = self.flights.next() => self.welcome(back),
                changed = self.control.changed(), if !self.is_stopping() => if changed.is_err() {
                    self.orders.send_modify(|control| control.stop = true);
                },
            }
        }
    }

    /// Passes on what the driver wants; what stops stays stopped.
    fn relay(&mut self) {
        let wanted = self.control.borrow_and_update().clone();
        self.orders.send_if_modified(|now| {
            let wanted = Control {
                stop: now.stop || wanted.stop,
                ..wanted
            };
            let changed = *now != wanted;
            *now = wanted;
            changed
        });
    }

    fn is_stopping(&self) -> bool {
        self.orders.borrow().stop
    }

    fn wanted(&self) -> usize {
        usize::from(self.orders.borrow().workers.clamp(1, MAX_WORKERS))
    }

    /// Hands, those that are on their way included.
    fn size(&self) -> usize {
        self.flights.len() + self.idle.len()
    }

    /// Gives the idle something to do, lets go of those who are too many, and
    /// hires where somebody is missing.
    fn staff(&mut self) {
        while self.size() > self.wanted() && self.idle.pop().is_some() {}
        while !self.idle.is_empty()
            && let Some(range) = self.book.take()
            && let Some(hand) = self.idle.pop()
        {
            let site = Arc::clone(&self.site);
            let ready = async move { Back::Ready(hand.take(range, site).await.map(Box::new)) };
            self.flights.push(Box::pin(ready));
        }
        let may = self.book.can_share() && Instant::now() >= self.hire_after;
        let missing = self.wanted().saturating_sub(self.size());
        for _ in 0..if may { missing } else { 0 } {
            self.hire();
        }
    }

    fn hire(&mut self) {
        let number = self.hands;
        self.hands = self.hands.wrapping_add(1);
        let (session, site) = ((self.open)(), Arc::clone(&self.site));
        let (orders, waits) = (self.orders.subscribe(), self.waits.0.clone());
        self.flights.push(Box::pin(async move {
            let hired = async {
                let target = site.job.spec.chunk.target;
                let session = ChunkedSession::new(session.await?, target).await?;
                Hand::new(number, session, &site.job, orders, waits).await
            };
            Back::Hired(hired.await.map(Box::new))
        }));
    }

    fn welcome(&mut self, back: Back) {
        match back {
            Back::Hired(Ok(hand)) => self.idle.push(*hand),
            Back::Hired(Err(fault)) => self.do_without(fault),
            Back::Ready(Ok(worker)) => self.go_on(worker),
            Back::Ready(Err(fault)) => self.fail(fault),
            Back::Turned(worker, Ok(turn)) => self.turned(worker, turn),
            Back::Turned(mut worker, Err(fault)) => {
                self.tell(&mut worker, Some(fault.message.clone()));
                self.fail(fault);
            }
            Back::Cut(worker, Ok(upper)) => {
                match upper {
                    Some(upper) => self.book.note(upper),
                    None => self.book.leave_whole(worker.range.number),
                }
                self.book.note(worker.range.clone());
                self.start_turn(worker);
            }
            Back::Cut(_, Err(fault)) => self.fail(fault),
        }
    }

    /// A further worker would have been nice; the others go on.
    fn do_without(&mut self, fault: Fault) {
        if self.size() == 0 {
            return self.fail(fault);
        }
        self.hire_after = Instant::now() + HIRE_AGAIN;
        self.account
            .note(format!("no further worker: {}", fault.message));
    }

    /// Everybody stops at the end of the chunk.
    fn fail(&mut self, fault: Fault) {
        self.failed.get_or_insert(fault);
        self.orders.send_modify(|control| control.stop = true);
    }

    fn turned(&mut self, mut worker: Box<Worker>, turn: Turn) {
        let stage = self.book.stage();
        self.book.note(worker.range.clone());
        match turn {
            Turn::Done => self.tell(&mut worker, None),
            Turn::Trouble(trouble) => self.tell(&mut worker, Some(trouble)),
            Turn::Stopped => {}
        }
        self.relay();
        if worker.range.at.stage != stage {
            self.book.lay_down(worker.range.number);
            self.idle.push(worker.leave());
        } else if !self.is_stopping() {
            self.go_on(worker);
        }
    }

    /// A worker at its range goes on with it, shares it, or leaves it.
    fn go_on(&mut self, mut worker: Box<Worker>) {
        let number = worker.range.number;
        // It is not counted while it is here.
        if self.size() >= self.wanted() {
            return self.book.lay_down(number);
        }
        let short = !self.idle.is_empty() && !self.book.has_free();
        if short && worker.bisection.is_none() && self.book.is_to_cut(number) {
            let upper = self.next_range;
            self.next_range += 1;
            self.flights.push(Box::pin(async move {
                let cut = worker.cut(upper).await;
                Back::Cut(worker, cut)
            }));
        } else {
            self.start_turn(worker);
        }
    }

    /// Takes in what a turn has cost, and tells how all stand.
    fn tell(&mut self, worker: &mut Worker, trouble: Option<String>) {
        let working = self.flights.len() + 1;
        self.account
            .turned(worker, working, &self.book, &self.parts, trouble);
    }

    fn start_turn(&mut self, mut worker: Box<Worker>) {
        self.flights.push(Box::pin(async move {
            let turn = worker.turn().await;
            Back::Turned(worker, turn)
        }));
    }

    /// Partitions that came meanwhile, as ranges to copy: those attached with
    /// rows in them never met the dual-write. False where there are none.
    async fn find_parts(&mut self) -> Result<bool, Fault> {
        let (Some(hand), job) = (self.idle.first(), &self.site.job) else {
            return Ok(false);
        };
        if job.what != Again::Whole {
            return Ok(false);
        }
        let session = &hand.session;
        let parts = session.run(Site::parts(session.client(), job)).await?;
        let unknown = parts.iter().filter(|part| !self.book.knows(part));
        let unknown: Vec<_> = unknown.cloned().collect();
        let ranges = ranges(&unknown, self.next_range, &[None, None]);
        self.next_range += ranges.len() as i32;
        let identity = &self.site.identity;
        let added = hand.ledger.extend(session.client(), &ranges, identity);
        if ranges.is_empty() {
            return Ok(false);
        }
        session.run(added).await?;
        self.parts = parts;
        for range in ranges {
            self.book.note(range);
        }
        Ok(true)
    }
}

/// One range of each part, numbered from `first` on.
fn ranges(parts: &[Arc<Part>], first: i32, ends: &[Option<Key>; 2]) -> Vec<Range> {
    let numbered = (first..).zip(parts);
    numbered
        .map(|(number, part)| Range::start(number, part, ends.clone(), FIRST_CHUNK))
        .collect()
}
