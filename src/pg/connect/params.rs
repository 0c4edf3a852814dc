//! Owns libpq's connection parameters: their names, their variables, what we
//! do with each, and which source wins; never what a value means.

use std::collections::BTreeMap;

use super::env::Env;
use super::error::ResolveError;
use crate::text::clean_bounded;

/// What pgcutover does with a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// It is followed.
    Followed,
    /// It has no meaning here, and leaving it out weakens nothing.
    Ignored,
    /// Leaving it out could weaken what was asked for; the hint says the way out.
    Refused(&'static str),
}

struct Keyword {
    name: &'static str,
    variable: Option<&'static str>,
    used: Use,
}

const fn followed(name: &'static str, variable: Option<&'static str>) -> Keyword {
    Keyword {
        name,
        variable,
        used: Use::Followed,
    }
}

const fn ignored(name: &'static str) -> Keyword {
    Keyword {
        name,
        variable: None,
        used: Use::Ignored,
    }
}

const fn refused(
    name: &'static str,
    variable: Option<&'static str>,
    hint: &'static str,
) -> Keyword {
    Keyword {
        name,
        variable,
        used: Use::Refused(hint),
    }
}

/// The manual's section "Parameter Key Words", libpq 18.
#[rustfmt::skip]
const KEYWORDS: &[Keyword] = &[
    followed("host", Some("PGHOST")),
    followed("hostaddr", Some("PGHOSTADDR")),
    followed("port", Some("PGPORT")),
    followed("dbname", Some("PGDATABASE")),
    followed("user", Some("PGUSER")),
    followed("password", Some("PGPASSWORD")),
    followed("passfile", Some("PGPASSFILE")),
    followed("service", Some("PGSERVICE")),
    followed("servicefile", Some("PGSERVICEFILE")),
    followed("options", Some("PGOPTIONS")),
    followed("connect_timeout", Some("PGCONNECT_TIMEOUT")),
    followed("target_session_attrs", Some("PGTARGETSESSIONATTRS")),
    followed("load_balance_hosts", Some("PGLOADBALANCEHOSTS")),
    followed("channel_binding", Some("PGCHANNELBINDING")),
    followed("sslmode", Some("PGSSLMODE")),
    followed("sslrootcert", Some("PGSSLROOTCERT")),
    followed("sslcert", Some("PGSSLCERT")),
    followed("sslkey", Some("PGSSLKEY")),
    followed("sslnegotiation", Some("PGSSLNEGOTIATION")),
    followed("keepalives", None),
    followed("keepalives_idle", None),
    followed("keepalives_interval", None),
    followed("keepalives_count", None),
    followed("tcp_user_timeout", None),
    // Ours says what a session is for.
    ignored("application_name"),
    ignored("fallback_application_name"),
    // Always UTF8.
    ignored("client_encoding"),
    // Never compressed.
    ignored("sslcompression"),
    // The name is sent; a server that wants none takes it too.
    ignored("sslsni"),
    // TLS 1.2 or newer, always.
    ignored("ssl_min_protocol_version"),
    // Without GSSAPI these have nothing to act on.
    ignored("krbsrvname"),
    ignored("gsslib"),
    ignored("gssdelegation"),
    // Read apart, since `disable` and `prefer` are harmless.
    followed("gssencmode", Some("PGGSSENCMODE")),
    refused("ssl_max_protocol_version", Some("PGSSLMAXPROTOCOLVERSION"), "remove it; TLS 1.2 and 1.3 are spoken"),
    refused("min_protocol_version", Some("PGMINPROTOCOLVERSION"), "remove it; protocol 3.0 is spoken"),
    ignored("max_protocol_version"),
    refused("sslcrl", Some("PGSSLCRL"), "certificate revocation lists are not read; use sslmode=verify-full with a certificate authority of your own"),
    refused("sslcrldir", Some("PGSSLCRLDIR"), "certificate revocation lists are not read; use sslmode=verify-full with a certificate authority of your own"),
    refused("sslpassword", None, "use a key without a passphrase, readable by its owner alone"),
    refused("sslcertmode", Some("PGSSLCERTMODE"), "remove it; a client certificate is sent when the server asks and there is one"),
    refused("requirepeer", Some("PGREQUIREPEER"), "connect over TCP with sslmode=verify-full to know the server"),
    refused("require_auth", Some("PGREQUIREAUTH"), "use channel_binding=require, which implies SCRAM"),
    refused("replication", None, "remove it; sessions run SQL"),
    refused("requiressl", None, "use sslmode=require"),
];

/// A value, and where it was written.
#[derive(Clone)]
pub(super) struct Value {
    /// As written, unescaped.
    pub(super) text: String,
    /// A variable, or a file and line, for messages.
    pub(super) place: String,
}

/// The parameters found so far; the first source of each wins. No `Debug`: it
/// may hold a password.
#[derive(Default)]
pub(super) struct Params(BTreeMap<&'static str, Value>);

impl Params {
    /// Keeps the value unless an earlier source had one.
    ///
    /// # Errors
    /// A keyword that is unknown, or that pgcutover must not ignore.
    pub(super) fn fill(&mut self, name: &str, text: &str, place: &str) -> Result<(), ResolveError> {
        let keyword = KEYWORDS
            .iter()
            .find(|keyword| keyword.name == name)
            .ok_or_else(|| ResolveError::Unknown {
                place: place.to_owned(),
                keyword: clean_bounded(name, 40),
            })?;
        match keyword.used {
            Use::Ignored => {}
            Use::Followed => {
                self.0.entry(keyword.name).or_insert_with(|| Value {
                    text: text.to_owned(),
                    place: place.to_owned(),
                });
            }
            Use::Refused(_) if text.is_empty() => {}
            Use::Refused(hint) => {
                return Err(ResolveError::Unsupported {
                    place: place.to_owned(),
                    keyword: keyword.name,
                    hint,
                });
            }
        }
        Ok(())
    }

    /// Keeps the variables of what no earlier source had.
    ///
    /// # Errors
    /// As [`Self::fill`].
    pub(super) fn fill_from_variables(&mut self, env: &dyn Env) -> Result<(), ResolveError> {
        for keyword in KEYWORDS {
            if let Some(variable) = keyword.variable
                && let Some(text) = env.var(variable)
            {
                self.fill(keyword.name, &text, &format!("${variable}"))?;
            }
        }
        Ok(())
    }

    /// The value; an empty one is as good as none, and still hides later sources.
    pub(super) fn get(&self, name: &'static str) -> Option<&Value> {
        debug_assert!(
            KEYWORDS
                .iter()
                .any(|k| k.name == name && k.used == Use::Followed)
        );
        self.0.get(name).filter(|value| !value.text.is_empty())
    }

    /// The value through `read`; without one, `None`.
    ///
    /// # Errors
    /// Where `read` knows no such value; `expected` says what fits.
    pub(super) fn parsed<T>(
        &self,
        name: &'static str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ResolveError> {
        self.get(name)
            .map(|value| read(&value.text).ok_or_else(|| value.refused(name, expected)))
            .transpose()
    }
}

impl Value {
    /// The fault of a value that does not fit. Not for passwords.
    pub(super) fn refused(&self, keyword: &'static str, expected: &str) -> ResolveError {
        ResolveError::Value {
            place: self.place.clone(),
            keyword,
            value: clean_bounded(&self.text, 60),
            expected: expected.to_owned(),
        }
    }
}
