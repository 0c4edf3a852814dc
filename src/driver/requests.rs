//! What people ask of a run, at this terminal and at others, and the answers.
//!
//! Owns the way in and the way back; what a request means is the engine's. A
//! request in Postgres stays open there until its answer has arrived there.

use tracing::info;

use super::{Driver, Ended, Request};
use crate::engine::message::{Ask, Intent, IntentId, Message, Reply};
use crate::store::intents;
use crate::store::journal::DEADLINE;

impl Driver {
    pub(super) async fn hold_by_lead(&mut self, reason: &str) -> Result<(), Ended> {
        self.request(Request {
            id: IntentId(0),
            ask: Ask::Hold {
                reason: reason.to_owned(),
            },
            saw: None,
            saw_hash: None,
        })
        .await
    }

    /// A request from the lead's own terminal.
    pub(super) async fn request(&mut self, request: Request) -> Result<(), Ended> {
        let hold = matches!(request.ask, Ask::Hold { .. });
        if !self.link.is_up() && !hold {
            let why = "the journal cannot be reached: only hold works now".to_owned();
            self.answer(request.id, Reply::Refused(why));
            return Ok(());
        }
        if !self.link.is_up() {
            self.answer(request.id, Reply::NotYetRecorded);
        }
        self.input(Message::Intent(Intent {
            id: request.id,
            by: self.user.clone(),
            roles: self.roles.clone(),
            saw: request.saw,
            saw_hash: request.saw_hash,
            ask: request.ask,
        }))
        .await
    }

    /// Requests that other terminals have put into Postgres.
    pub(super) async fn take_requests(&mut self) -> Result<(), Ended> {
        let journal = self.link.journal();
        let (session, run) = (journal.session(), &journal.lease().run);
        let open = intents::open(session, run);
        let open = match session.canceller().within(DEADLINE, open).await {
            Ok(open) => open,
            Err(fault) => {
                self.link.lost(&fault.message);
                return Ok(());
            }
        };
        for request in open {
            let id = IntentId(request.id);
            if !self.seen.insert(id) {
                continue;
            }
            match serde_json::from_value::<Ask>(request.ask) {
                Ok(ask) => {
                    info!("{} asks: {}", request.by, ask.verb());
                    if matches!(ask, Ask::Hold { .. }) {
                        self.latch.set();
                    }
                    self.input(Message::Intent(Intent {
                        id,
                        by: request.by,
                        roles: request.roles,
                        saw: request.saw,
                        saw_hash: request.saw_hash,
                        ask,
                    }))
                    .await?;
                }
                Err(error) => {
                    let why = format!("the request is not understood: {error}");
                    self.reply(id, Reply::Refused(why)).await;
                }
            }
        }
        Ok(())
    }

    /// Answers an intent: in Postgres, or on this terminal.
    pub(super) async fn reply(&mut self, id: IntentId, reply: Reply) {
        if id.0 <= 0 {
            self.answer(id, reply);
            return;
        }
        let journal = self.link.journal();
        let json = serde_json::to_value(&reply).expect("a reply is plain data");
        let (session, lease) = (journal.session(), journal.lease());
        let replied = intents::reply(session, lease, id.0, &json);
        match session.canceller().within(DEADLINE, replied).await {
            Ok(()) => {}
            Err(fault) => {
                // It is still open there: handled again, and refused or repeated.
                self.seen.remove(&id);
                self.link.lost(&fault.message);
            }
        }
    }

    pub(super) fn answer(&mut self, id: IntentId, reply: Reply) {
        self.replies.push_back((id, reply));
        if self.replies.len() > 20 {
            self.replies.pop_front();
        }
    }
}
