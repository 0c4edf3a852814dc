//! Owns the order of requests on the wire; never looks at an answer.
//!
//! `tokio_postgres` sends a request when its future is polled first, and
//! answers come in that order: futures polled together are one flight.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use futures_util::future::{MaybeDone, maybe_done};

/// All of them to their ends, each polled first in this order. `join_all`
/// promises no order.
pub(super) async fn in_order<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut all: Vec<Pin<Box<MaybeDone<F>>>> =
        futures.map(|future| Box::pin(maybe_done(future))).collect();
    poll_fn(|context| {
        let mut pending = false;
        for future in &mut all {
            pending |= future.as_mut().poll(context).is_pending();
        }
        match pending {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    })
    .await;
    all.into_iter()
        .map(|mut future| {
            future
                .as_mut()
                .take_output()
                .expect("polled to its end, taken once")
        })
        .collect()
}
