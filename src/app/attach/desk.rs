//! What the person at an attached terminal asks, and the answers.
//!
//! Owns the sessions that requests go out on: a hold has a fresh one each, and
//! waits for nothing; other requests go one after the other, in the order of the
//! keys, with what was on the screen then.

use std::time::Instant;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::super::dispatch::{Way, way};
use super::super::remote::{GLANCE, PATIENCE, hinted};
use crate::engine::message::{Ask, IntentId, Reply};
use crate::engine::snapshot::Terminal;
use crate::pg::connect::Target;
use crate::pg::session::{Purpose, Session, open};
use crate::run::event::RunId;
use crate::run::fault::Fault;
use crate::store::intents;
use crate::store::journal::DEADLINE;
use crate::store::verify::Head;
use crate::tui::Request;

/// Where the requests of one terminal go out.
pub(super) struct Desk {
    terminal: Terminal,
    clerk: Clerk,
}

/// What it takes to put a request and to wait for its answer.
#[derive(Clone)]
struct Clerk {
    target: Target,
    run: RunId,
    answers: mpsc::Sender<(IntentId, Reply)>,
}

impl Desk {
    /// For a terminal and a run; answers go to `answers`.
    pub(super) fn new(
        target: Target,
        run: RunId,
        terminal: Terminal,
        answers: mpsc::Sender<(IntentId, Reply)>,
    ) -> Self {
        let clerk = Clerk {
            target,
            run,
            answers,
        };
        Self { terminal, clerk }
    }

    /// Takes requests until their channel is closed, and sees to it that the
    /// last ones are put.
    pub(super) async fn serve(self, mut requests: mpsc::Receiver<Request>) {
        let mut errands = JoinSet::new();
        let (intents, queue) = mpsc::channel(64);
        errands.spawn(self.clerk.clone().put_in_order(queue));
        while let Some(request) = requests.recv().await {
            match (way(self.terminal, &request.ask), request.ask.clone()) {
                (Way::Hold, Ask::Hold { reason }) => {
                    errands.spawn(self.clerk.clone().hold(request.id, reason));
                }
                (Way::Refused(why), _) => {
                    self.clerk
                        .answer(request.id, Reply::Refused(why.into()))
                        .await;
                }
                // Its receiver lives as long as `errands`.
                _ => drop(intents.send(request).await),
            }
        }
        drop(intents);
        while errands.join_next().await.is_some() {}
    }
}

impl Clerk {
    async fn answer(&self, id: IntentId, reply: Reply) {
        // Nobody listens any more: we are leaving.
        let _ = self.answers.send((id, reply)).await;
    }

    /// A hold, on a session of its own.
    async fn hold(self, id: IntentId, reason: String) {
        let held = async {
            let session = self.open(Purpose::Hold).await?;
            let put = intents::hold(&session, &reason, Some(&self.run.0));
            let row = session.canceller().within(DEADLINE, put).await?;
            Ok((session, row))
        };
        match held.await {
            Ok((session, row)) => self.wait(&session, id, row).await,
            Err(fault) => self.failed(id, &fault).await,
        }
    }

    /// Requests in the order of their keys. Each is answered before the next one
    /// is put: what comes after it was decided on the screen before it.
    async fn put_in_order(self, mut requests: mpsc::Receiver<Request>) {
        let mut kept = None;
        while let Some(request) = requests.recv().await {
            match self.put(&mut kept, &request).await {
                Ok((session, row)) => {
                    self.wait(session, request.id, row).await;
                }
                Err(fault) => {
                    kept = None;
                    self.failed(request.id, &fault).await;
                }
            }
        }
    }

    async fn put<'a>(
        &self,
        kept: &'a mut Option<Session>,
        request: &Request,
    ) -> Result<(&'a Session, i64), Fault> {
        if kept
            .as_ref()
            .is_none_or(|session| session.closed_reason().is_some())
        {
            *kept = Some(self.open(Purpose::Intent).await?);
        }
        let session = kept.as_ref().expect("it was opened just now");
        let ask = serde_json::to_value(&request.ask).expect("a request is plain data");
        let saw = Head {
            seq: request.saw,
            hash: request.saw_hash.clone(),
        };
        let put = intents::request(session, &self.run, &ask, Some(&saw));
        let row = session.canceller().within(DEADLINE, put).await?;
        Ok((session, row))
    }

    async fn open(&self, purpose: Purpose) -> Result<Session, Fault> {
        let opened = open(&self.target, purpose).await;
        opened.map_err(|error| error.fault())
    }

    /// Waits for the lead's answer, and passes it on.
    async fn wait(&self, session: &Session, id: IntentId, row: i64) {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let looked = intents::reply_of(session, row);
            match session.canceller().within(DEADLINE, looked).await {
                Ok(Some(reply)) => {
                    let reply = serde_json::from_value(reply);
                    let unread =
                        |error| Reply::Refused(format!("the answer is not understood: {error}"));
                    return self.answer(id, reply.unwrap_or_else(unread)).await;
                }
                Ok(None) => sleep(GLANCE).await,
                Err(fault) => {
                    let what = format!("recorded; its answer cannot be read: {fault}");
                    return self.answer(id, Reply::Unanswered(what)).await;
                }
            }
        }
        let what = format!(
            "recorded; no lead has answered within {} s",
            PATIENCE.as_secs()
        );
        self.answer(id, Reply::Unanswered(what)).await;
    }

    async fn failed(&self, id: IntentId, fault: &Fault) {
        self.answer(id, Reply::Refused(hinted(fault))).await;
    }
}
