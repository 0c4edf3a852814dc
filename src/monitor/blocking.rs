//! Owns the tree of who blocks whom, from rows; never asks the server.
//!
//! A session may wait for several others; in the tree it hangs below one of
//! them: the one that itself waits, ours first, so that a queue reads as a
//! queue. The counts follow every edge, not only those of the tree.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::reading::server::{Blocker, Blocking, SessionId};

/// Sessions shown below one; further ones fold into a row "+41 more".
pub const SIBLINGS: usize = 8;

/// What our sessions' `application_name` begins with. Anybody may call a
/// session so: it decides what is marked, never what is ended.
const OURS: &str = "pgcutover:";

/// One session that waits or is waited for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Involved {
    /// Backend pid; 0 for all prepared transactions together.
    pub pid: i32,
    /// `backend_start`, microseconds since 1970; hidden from some roles.
    pub started_us: Option<i64>,
    /// `application_name`; clean, like all texts here.
    pub application: String,
    /// `usename`.
    pub user: String,
    /// `state`.
    pub state: String,
    /// Its statement, shortened.
    pub query: String,
    /// How long its transaction has lasted.
    pub transaction_age: Option<Duration>,
    /// How long it has waited, where it waits.
    pub waited: Option<Duration>,
    /// The lock that it waits for.
    pub wants: Option<String>,
    /// Pids that it waits for, in no order, perhaps twice.
    pub behind: Vec<i32>,
}

impl Involved {
    fn is_ours(&self) -> bool {
        self.application.starts_with(OURS)
    }

    fn waits(&self) -> bool {
        !self.behind.is_empty()
    }
}

/// Builds the forest. Rows of sessions that ended between two looks of the
/// server may be missing: who waits for nobody known is a root.
pub fn forest(rows: Vec<Involved>) -> Blocking {
    let sessions: BTreeMap<i32, Involved> = rows.into_iter().map(|row| (row.pid, row)).collect();
    let parents = parents(&sessions);
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for (&child, &parent) in &parents {
        children.entry(parent).or_default().push(child);
    }
    let tree = Tree {
        sessions: &sessions,
        children,
    };
    let mut roots: Vec<i32> = sessions
        .keys()
        .copied()
        .filter(|pid| !parents.contains_key(pid))
        .collect();
    roots.sort_by_cached_key(|&pid| std::cmp::Reverse(tree.size(pid)));
    let behind_us = behind(&sessions, |_| true);
    let behind_our_wait = behind(&sessions, Involved::waits);
    Blocking {
        roots: roots.into_iter().map(|pid| tree.blocker(pid)).collect(),
        waiting_on_us: count(behind_us.len()),
        queued_behind_our_wait: count(behind_our_wait.len()),
        longest_on_us: behind_us
            .iter()
            .filter_map(|pid| sessions[pid].waited)
            .max(),
        waiting: count(sessions.values().filter(|session| session.waits()).count()),
    }
}

/// The one session below which each waiter hangs, without circles.
fn parents(sessions: &BTreeMap<i32, Involved>) -> BTreeMap<i32, i32> {
    let mut parents: BTreeMap<i32, i32> = BTreeMap::new();
    for (&pid, session) in sessions {
        let known = session.behind.iter().filter(|&&other| other != pid);
        let parent = known
            .filter_map(|other| sessions.get(other))
            .max_by_key(|other| (other.waits(), other.is_ours(), std::cmp::Reverse(other.pid)));
        if let Some(parent) = parent
            // A deadlock, until the server breaks it: whoever would close the
            // circle stays a root.
            && !leads_to(&parents, parent.pid, pid)
        {
            parents.insert(pid, parent.pid);
        }
    }
    parents
}

/// Whether going up from one session reaches another.
fn leads_to(parents: &BTreeMap<i32, i32>, from: i32, to: i32) -> bool {
    std::iter::successors(Some(from), |pid| parents.get(pid).copied()).any(|pid| pid == to)
}

/// Other people's sessions that wait, directly or not, for a session of ours.
fn behind(
    sessions: &BTreeMap<i32, Involved>,
    which_of_ours: impl Fn(&Involved) -> bool,
) -> BTreeSet<i32> {
    let ours = sessions
        .values()
        .filter(|session| session.is_ours() && which_of_ours(session));
    let mut reached: BTreeSet<i32> = ours.map(|session| session.pid).collect();
    loop {
        let further: Vec<i32> = sessions
            .values()
            .filter(|session| !reached.contains(&session.pid))
            .filter(|session| session.behind.iter().any(|pid| reached.contains(pid)))
            .map(|session| session.pid)
            .collect();
        if further.is_empty() {
            break;
        }
        reached.extend(further);
    }
    reached.retain(|pid| !sessions[pid].is_ours());
    reached
}

struct Tree<'a> {
    sessions: &'a BTreeMap<i32, Involved>,
    children: BTreeMap<i32, Vec<i32>>,
}

impl Tree<'_> {
    fn children(&self, pid: i32) -> &[i32] {
        self.children.get(&pid).map_or(&[], Vec::as_slice)
    }

    /// Sessions below it.
    fn size(&self, pid: i32) -> usize {
        self.children(pid)
            .iter()
            .map(|&child| 1 + self.size(child))
            .sum()
    }

    fn blocker(&self, pid: i32) -> Blocker {
        let session = &self.sessions[&pid];
        let mut children = self.children(pid).to_vec();
        // Longest first; a queue of ours is never folded away.
        children.sort_by_key(|child| {
            let child = &self.sessions[child];
            std::cmp::Reverse((child.is_ours(), child.waited))
        });
        let shown = match children.len() {
            all if all <= SIBLINGS => all,
            _ => SIBLINGS - 1,
        };
        let mut behind: Vec<Blocker> = children[..shown]
            .iter()
            .map(|&child| self.blocker(child))
            .collect();
        if shown < children.len() {
            behind.push(folded(children.len() - shown));
        }
        Blocker {
            session: session
                .started_us
                .map(|started_us| SessionId { pid, started_us }),
            ours: session.is_ours(),
            application: session.application.clone(),
            user: session.user.clone(),
            state: session.state.clone(),
            query: session.query.clone(),
            transaction_age: session.transaction_age,
            waited: session.waited,
            wants: session.wants.clone(),
            behind,
            folded: 0,
        }
    }
}

/// A row that stands for so many siblings.
fn folded(more: usize) -> Blocker {
    Blocker {
        session: None,
        ours: false,
        application: String::new(),
        user: String::new(),
        state: String::new(),
        query: String::new(),
        transaction_age: None,
        waited: None,
        wants: None,
        behind: Vec::new(),
        folded: count(more),
    }
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
