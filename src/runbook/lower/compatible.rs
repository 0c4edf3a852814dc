//! Owns the lowering of `compatible`: which versions of applications a phase
//! works with.

use std::collections::BTreeMap;

use semver::VersionReq;

use super::Lowering;
use crate::runbook::Compatible;
use crate::runbook::raw::{self, At, Entries};

impl Lowering<'_> {
    /// One phase's requirements, by application.
    pub(super) fn compatible(&mut self, raw: &Entries<String>) -> Compatible {
        let mut compatible = Compatible::new();
        for (app, wanted) in raw.iter() {
            self.check_id(app);
            let text = self.plain(wanted);
            match VersionReq::parse(&text) {
                Ok(wanted) => {
                    compatible.insert(app.value.clone(), wanted);
                }
                Err(error) => {
                    let message = format!("`{text}` is not a version requirement: {error}");
                    let hint = "such as \">= 2.0\", \"< 3\", or several: \">= 1.4, < 3\"";
                    self.fault_with("bad-version", &wanted.span, message, hint);
                }
            }
        }
        compatible
    }

    /// An application that one phase names has to be named by all: where a
    /// phase says nothing of it, nobody could say whether it may be deployed.
    pub(super) fn check_every_phase_names(&mut self, phases: &[At<raw::Phase>]) {
        let mut named_by = BTreeMap::new();
        for phase in phases.iter().map(|phase| &phase.value) {
            for (app, _) in phase.compatible.iter() {
                named_by.entry(&app.value).or_insert(&phase.id.value);
            }
        }
        for phase in phases {
            if self.damage.touched(&phase.span) {
                continue;
            }
            let id = &phase.value.id;
            let named: Vec<_> = phase.value.compatible.iter().map(|(app, _)| app).collect();
            for (app, other) in &named_by {
                if named.iter().all(|name| name.value != **app) {
                    let message = format!(
                        "`{}` does not say which versions of `{app}` it works with; `{other}` does",
                        id.value
                    );
                    let hint = format!("`compatible = {{ {app} = \"*\" }}` where all of them do");
                    self.fault_with("missing-field", &id.span, message, hint);
                }
            }
        }
    }
}
