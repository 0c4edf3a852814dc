//! Owns the lowering of what stands before the phases: cutover, connections,
//! roles, window, ddl.

use super::{Lowering, scalar};
use crate::runbook::raw::{self, At, Document, Entries};
use crate::runbook::{
    Connection, ConnectionId, ConnectionSource, Cutover, Ddl, Expect, Freeze, Role, RoleId,
    Standby, StandbyId, Window, WindowScope,
};

impl Lowering<'_> {
    /// The identity. A chosen environment names itself, unless it says otherwise.
    pub(super) fn cutover(&mut self, raw: &Document, environment: Option<&str>) -> Cutover {
        let cutover = &raw.cutover.value;
        self.check_id(&cutover.id);
        let chosen = raw
            .environments
            .iter()
            .find(|(name, _)| Some(name.value.as_str()) == environment);
        let renamed = chosen.and_then(|(_, chosen)| chosen.value.cutover.as_ref());
        let written = cutover.environment.as_ref().map(|name| self.plain(name));
        let environment = match (renamed, environment) {
            (None, Some(name)) => name.into(),
            _ => written.unwrap_or_else(|| "production".into()),
        };
        Cutover {
            id: cutover.id.value.clone(),
            title: self.said(&cutover.title),
            summary: cutover
                .summary
                .as_ref()
                .map(|text| self.plain(text))
                .unwrap_or_default(),
            environment,
            channel: cutover.channel.as_ref().map(|text| self.plain(text)),
            on_disconnect: cutover.on_disconnect.unwrap_or_default(),
        }
    }

    /// The connections, in file order.
    pub(super) fn connections(&mut self, raw: &At<Entries<raw::Connection>>) -> Vec<Connection> {
        if raw.value.0.is_empty() && !self.damage.touched(&raw.span) {
            self.fault("missing-field", &raw.span, "there is no connection");
        }
        raw.value
            .iter()
            .map(|(name, entry)| self.one_connection(name, &entry.value))
            .collect()
    }

    fn one_connection(&mut self, name: &At<String>, raw: &raw::Connection) -> Connection {
        self.check_id(name);
        let source = self.address(raw.url_env.as_ref(), raw.service.as_ref());
        let standbys = raw
            .standbys
            .iter()
            .map(|(name, entry)| self.standby(name, &entry.value));
        Connection {
            id: ConnectionId::new(name.value.clone()),
            source: source.unwrap_or(ConnectionSource::Environment),
            standbys: standbys.collect(),
            expect: raw
                .expect
                .as_ref()
                .map_or_else(Expect::default, |expect| Expect {
                    database: expect.database.as_ref().map(|name| self.plain(name)),
                    primary: expect.primary,
                }),
        }
    }

    fn standby(&mut self, name: &At<String>, raw: &raw::Standby) -> Standby {
        self.check_id(name);
        let replicates_as = raw.application_name.as_ref().map(|name| self.plain(name));
        Standby {
            id: StandbyId::new(name.value.clone()),
            application_name: replicates_as.unwrap_or_else(|| name.value.clone()),
            source: self.address(raw.url_env.as_ref(), raw.service.as_ref()),
        }
    }

    /// Where an address comes from: at most one of the two.
    fn address(
        &mut self,
        url_env: Option<&At<String>>,
        service: Option<&At<String>>,
    ) -> Option<ConnectionSource> {
        if let (Some(_), Some(service)) = (url_env, service) {
            let message = "an address comes from `url_env` or from `service`, not from both";
            self.fault("exactly-one", &service.span, message);
        }
        if let Some(name) = url_env.filter(|name| !is_variable(&name.value)) {
            let message = "this is not the name of an environment variable";
            self.fault_with("bad-value", &name.span, message, "such as \"DATABASE_URL\"");
        }
        match (url_env, service) {
            (Some(name), _) => Some(ConnectionSource::UrlEnv(name.value.clone())),
            (None, Some(name)) => Some(ConnectionSource::Service(name.value.clone())),
            (None, None) => None,
        }
    }

    /// The roles, in file order.
    pub(super) fn roles(&mut self, raw: &Entries<raw::Role>) -> Vec<Role> {
        let mut roles = Vec::new();
        for (name, entry) in raw.iter() {
            self.check_id(name);
            let role = &entry.value;
            for (field, absent) in [
                ("members", role.members.is_none()),
                ("can", role.can.is_none()),
            ] {
                if absent && !self.damage.touched(&entry.span) {
                    let message = format!("the role `{}` has no `{field}`", name.value);
                    self.fault("missing-field", &entry.span, message);
                }
            }
            let members = role
                .members
                .iter()
                .flatten()
                .map(|member| self.said(member))
                .collect();
            roles.push(Role {
                id: RoleId::new(name.value.clone()),
                members,
                can: role.can.clone().unwrap_or_default(),
                contact: role.contact.as_ref().map(|contact| self.plain(contact)),
            });
        }
        roles
    }

    /// The window. Knowing the time zones of this machine is the one look
    /// outside: a wrong name found at the gate would be found too late.
    pub(super) fn window(&mut self, raw: &raw::Window) -> Window {
        let mut allow = Vec::new();
        for text in &raw.allow {
            match scalar::parse_weekly(&text.value) {
                Some(span) => allow.push(span),
                None => {
                    let message = format!("`{}` is not a weekly span", text.value);
                    let hint = "such as \"Tue-Thu 09:00-16:00\"; split one that goes over midnight";
                    self.fault_with("bad-value", &text.span, message, hint);
                }
            }
        }
        if jiff::tz::TimeZone::get(&raw.tz.value).is_err() {
            let message = format!("there is no time zone `{}`", raw.tz.value);
            self.fault_with(
                "bad-value",
                &raw.tz.span,
                message,
                "such as \"Europe/Berlin\"",
            );
        }
        Window {
            allow,
            tz: raw.tz.value.clone(),
            applies_to: raw
                .applies_to
                .clone()
                .unwrap_or_else(|| vec![WindowScope::Advance, WindowScope::Ddl]),
            freeze: raw
                .freeze
                .iter()
                .map(|freeze| self.freeze(freeze))
                .collect(),
        }
    }

    fn freeze(&mut self, raw: &At<raw::Freeze>) -> Freeze {
        let freeze = Freeze {
            from: self.day(&raw.value.from),
            to: self.day(&raw.value.to),
            why: self.said(&raw.value.why),
        };
        if freeze.from > freeze.to {
            self.fault(
                "bad-value",
                &raw.value.to.span,
                "this ends before it begins",
            );
        }
        freeze
    }

    /// The behaviour of DDL, defaults filled in.
    pub(super) fn ddl(&mut self, raw: Option<&raw::Ddl>) -> Ddl {
        let default = Ddl::default();
        let Some(raw) = raw else {
            return default;
        };
        let retry = raw.retry.as_ref();
        Ddl {
            lock_timeout: self.positive(raw.lock_timeout.as_ref(), default.lock_timeout),
            deadline: self.positive(raw.deadline.as_ref(), default.deadline),
            retry_max: retry
                .and_then(|retry| retry.max.as_ref())
                .map_or(default.retry_max, |n| n.value),
            retry_every: self.positive(
                retry.and_then(|retry| retry.every.as_ref()),
                default.retry_every,
            ),
            max_waiters: raw
                .max_waiters
                .as_ref()
                .map_or(default.max_waiters, |n| n.value),
        }
    }
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
