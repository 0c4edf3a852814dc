//! Boolean queries: of gates, and of probes that ask whether a step is done.
//!
//! Owns one read-only session per connection, opened when it is first needed
//! and again when it is lost; questions there are asked one after the other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::Places;
use crate::pg::connect::Target;
use crate::pg::probe::{self, Answer};
use crate::pg::session::{Purpose, Session, open};
use crate::run::fault::{Fault, Trouble};
use crate::runbook::ConnectionId;

/// How long a query may take.
const DEADLINE: Duration = Duration::from_secs(4);
/// Questions that may wait; more are refused, which is an ERROR of their gate.
const QUEUE: usize = 64;

struct Question {
    query: String,
    reply: oneshot::Sender<Result<Answer, Fault>>,
}

/// Asks boolean queries. Cheap to clone; its sessions end with the last clone.
#[derive(Clone)]
pub struct Questions {
    askers: BTreeMap<ConnectionId, mpsc::Sender<Question>>,
    _tasks: Arc<JoinSet<()>>,
}

impl Questions {
    /// Gets ready to ask on every connection; opens nothing yet.
    pub fn new(places: &Places) -> Self {
        let mut tasks = JoinSet::new();
        let asker = |(id, target): (&ConnectionId, &Target)| {
            let (sender, receiver) = mpsc::channel(QUEUE);
            tasks.spawn(answer_all(target.clone(), receiver));
            (id.clone(), sender)
        };
        Self {
            askers: places.targets.iter().map(asker).collect(),
            _tasks: Arc::new(tasks),
        }
    }

    /// Asks one query.
    ///
    /// # Errors
    /// What kept it from being answered.
    pub async fn ask(&self, on: &ConnectionId, query: &str) -> Result<Answer, Fault> {
        let (reply, answer) = oneshot::channel();
        let question = Question {
            query: query.to_owned(),
            reply,
        };
        let asker = self.askers.get(on);
        let asker = asker.ok_or_else(|| unavailable(format!("no connection `{on}`")))?;
        asker
            .try_send(question)
            .map_err(|_| unavailable("too many questions wait for an answer".into()))?;
        answer
            .await
            .unwrap_or_else(|_| Err(unavailable("the question was dropped".into())))
    }
}

fn unavailable(message: String) -> Fault {
    Fault::new(Trouble::Unavailable, message)
}

async fn answer_all(target: Target, mut questions: mpsc::Receiver<Question>) {
    let mut session = None;
    while let Some(question) = questions.recv().await {
        let answer = ask(&target, &mut session, &question.query).await;
        if let Err(fault) = &answer
            && matches!(
                fault.trouble,
                Trouble::ConnectionLost | Trouble::Unavailable
            )
        {
            session = None;
        }
        // Whoever asked may be gone.
        let _ = question.reply.send(answer);
    }
}

async fn ask(target: &Target, session: &mut Option<Session>, query: &str) -> Result<Answer, Fault> {
    if session
        .as_ref()
        .is_some_and(|open| open.closed_reason().is_some())
    {
        *session = None;
    }
    if session.is_none() {
        let opened = open(target, Purpose::Observer).await;
        *session = Some(opened.map_err(|error| unavailable(error.to_string()))?);
    }
    match session {
        Some(session) => probe::ask(session, query, DEADLINE).await,
        None => Err(unavailable("no session".into())),
    }
}
