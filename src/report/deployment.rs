//! `status --deploy`: whether a version of an application may be deployed now.
//!
//! Owns the answer, as JSON and as one line; which phases count is the run's.

use semver::Version;
use serde::Serialize;

use crate::plan::Phase;
use crate::run::Run;
use crate::run::outlook::{Prospect, Why};

/// Whether a version may be deployed now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// The application, as the runbook names it.
    pub app: String,
    /// The version, in full.
    pub version: String,
    /// Whether it fits every one of `phases`.
    pub compatible: bool,
    /// Where the run is, and where it may come without anybody's decision.
    pub phases: Vec<Fit>,
    /// The phase that a person may enter after those.
    pub next: Option<Fit>,
}

/// One phase, and whether the version fits it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fit {
    /// The phase.
    pub phase: String,
    /// Its requirement.
    pub wants: String,
    /// Whether the version meets it.
    pub fits: bool,
    /// `current`, `begins_by_itself`, `way_back` or `next`.
    pub why: &'static str,
}

/// The answer; `None` where the runbook does not know the application.
pub fn answer(run: &Run, app: &str, version: &Version) -> Option<Answer> {
    let fit = |phase: &Phase, why| {
        let wants = phase.compatible.get(app)?;
        Some(Fit {
            phase: phase.id.to_string(),
            wants: wants.to_string(),
            fits: wants.matches(version),
            why,
        })
    };
    let outlook = run.outlook();
    let prospect = |prospect: &Prospect<'_>| fit(prospect.phase, word(prospect.why));
    let phases: Option<Vec<_>> = outlook.phases.iter().map(prospect).collect();
    let phases = phases?;
    Some(Answer {
        app: app.to_owned(),
        version: version.to_string(),
        compatible: phases.iter().all(|phase| phase.fits),
        phases,
        next: outlook.next.and_then(|phase| fit(phase, "next")),
    })
}

fn word(why: Why) -> &'static str {
    match why {
        Why::Current => "current",
        Why::BeginsByItself => "begins_by_itself",
        Why::WayBack => "way_back",
    }
}

impl Answer {
    /// One line: `shop 2.0.0 fits read-switch; would not fit contract: shop >=3`.
    pub fn line(&self) -> String {
        let (app, version) = (&self.app, &self.version);
        let unfit: Vec<_> = self.phases.iter().filter(|phase| !phase.fits).collect();
        if !unfit.is_empty() {
            let unfit: Vec<_> = unfit.iter().map(|phase| self.unfit(phase)).collect();
            return format!("{app} {version} does not fit {}", unfit.join("; nor "));
        }
        let names: Vec<_> = self.phases.iter().map(|fit| fit.phase.as_str()).collect();
        let next = match &self.next {
            Some(next) if next.fits => format!("; would fit {}", next.phase),
            Some(next) => format!("; would not fit {}", self.unfit(next)),
            None => String::new(),
        };
        format!("{app} {version} fits {}{next}", names.join(", "))
    }

    fn unfit(&self, fit: &Fit) -> String {
        let why = match fit.why {
            "begins_by_itself" => ", which begins by itself",
            "way_back" => ", to which the way back leads",
            _ => "",
        };
        format!("{}{why}: {} {}", fit.phase, self.app, fit.wants)
    }
}

#[cfg(test)]
mod tests;
