//! Owns what `sslmode` and its certificate files ask for; the judgement on a
//! server's certificate is `verifier`'s, the words for it are `handshake`'s.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::env::Env;
use super::error::ResolveError;
use super::hosts::Candidate;
use super::params::Params;
use super::verifier::{Roots, Trust, Verifier};
use crate::text::clean_bounded;

/// `sslmode`, from none to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl Mode {
    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "disable" => Self::Disable,
            "allow" => Self::Allow,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }
}

/// Whether and how a target's connections are encrypted.
#[derive(Clone)]
pub struct Tls {
    mode: Mode,
    connector: MakeRustlsConnect,
}

impl Tls {
    /// Reads the mode and, where it can come to TLS at all, the certificates.
    pub(super) fn resolve(
        params: &Params,
        hosts: &[Candidate],
        env: &dyn Env,
    ) -> Result<Self, ResolveError> {
        let mode = mode(params)?;
        // libpq ignores all of it on Unix sockets.
        let mode = match hosts.iter().any(|host| host.over_tcp) {
            true => mode,
            false => Mode::Disable,
        };
        let files = Files { params, env };
        let builder = builder(files.trust(mode)?);
        let mut config = match mode {
            Mode::Disable => builder.with_no_client_auth(),
            _ => files.client_auth(builder)?,
        };
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(Self {
            mode,
            connector: MakeRustlsConnect::new(config),
        })
    }

    /// How to try that host, in order; the later ones where the first meets no
    /// TLS or no entry in pg_hba.conf.
    pub(in crate::pg) fn attempts(&self, host: &Candidate) -> &'static [SslMode] {
        match self.mode {
            _ if !host.over_tcp => &[SslMode::Disable],
            Mode::Disable => &[SslMode::Disable],
            Mode::Allow => &[SslMode::Disable, SslMode::Require],
            Mode::Prefer => &[SslMode::Prefer, SslMode::Disable],
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => &[SslMode::Require],
        }
    }

    pub(in crate::pg) fn connector(&self) -> MakeRustlsConnect {
        self.connector.clone()
    }
}

fn mode(params: &Params) -> Result<Mode, ResolveError> {
    let expected = "one of disable, allow, prefer, require, verify-ca, verify-full";
    let system = params
        .get("sslrootcert")
        .is_some_and(|root| root.text == "system");
    let default = if system {
        Mode::VerifyFull
    } else {
        Mode::Prefer
    };
    let mode = params
        .parsed("sslmode", expected, Mode::read)?
        .unwrap_or(default);
    let Some(written) = params.get("sslmode") else {
        return Ok(mode);
    };
    if system && mode < Mode::VerifyFull {
        let expected =
            "sslrootcert=system trusts every public authority, so it needs sslmode=verify-full";
        return Err(written.refused("sslmode", expected));
    }
    let direct = params
        .get("sslnegotiation")
        .is_some_and(|how| how.text == "direct");
    if direct && mode < Mode::Require {
        return Err(written.refused(
            "sslmode",
            "sslnegotiation=direct needs sslmode=require or more",
        ));
    }
    Ok(mode)
}

fn builder(trust: Trust) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier {
        trust,
        provider: Arc::clone(&provider),
    };
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
}

/// The certificate files that the parameters name, or their usual places.
struct Files<'a> {
    params: &'a Params,
    env: &'a dyn Env,
}

/// A file that was named, or found in its usual place.
struct Found {
    path: PathBuf,
    place: String,
}

impl Found {
    fn fault(&self, what: impl Into<String>, hint: &str) -> ResolveError {
        ResolveError::File {
            place: self.place.clone(),
            path: clean_bounded(&self.path.display().to_string(), 200),
            what: what.into(),
            hint: hint.to_owned(),
        }
    }
}

impl Files<'_> {
    /// With roots at hand the chain is checked in every mode, as libpq does.
    fn trust(&self, mode: Mode) -> Result<Trust, ResolveError> {
        if mode == Mode::Disable {
            return Ok(Trust::Anyone);
        }
        let roots = match self.find("sslrootcert", "root.crt") {
            Some(found) if found.path.as_os_str() == "system" => Some(system_roots(&found)?),
            Some(found) => Some(self.roots(&found)?),
            None => None,
        };
        match roots {
            Some(roots) if mode == Mode::VerifyFull => Ok(Trust::ChainAndName(roots)),
            Some(roots) => Ok(Trust::Chain(roots)),
            None if mode >= Mode::VerifyCa => Err(self.no_roots()),
            None => Ok(Trust::Anyone),
        }
    }

    fn no_roots(&self) -> ResolveError {
        let place = self
            .params
            .get("sslmode")
            .map_or("sslmode", |mode| &mode.place);
        ResolveError::File {
            place: place.to_owned(),
            path: "~/.postgresql/root.crt".to_owned(),
            what: "does not exist, so there is nobody to trust".to_owned(),
            hint: "name your certificate authority with sslrootcert=FILE, or sslrootcert=system"
                .to_owned(),
        }
    }

    fn roots(&self, found: &Found) -> Result<Roots, ResolveError> {
        let hint = "it holds the PEM certificates of the authorities that may sign the server's";
        let mut roots = Roots::none();
        for certificate in CertificateDer::pem_slice_iter(&self.read(found, hint)?) {
            let added = certificate.is_ok_and(|certificate| roots.add(certificate));
            if !added {
                return Err(found.fault("holds a certificate that cannot be read", hint));
            }
        }
        match roots.is_empty() {
            true => Err(found.fault("holds no certificate", hint)),
            false => Ok(roots),
        }
    }

    fn client_auth(
        &self,
        builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    ) -> Result<ClientConfig, ResolveError> {
        let Some(certificate) = self.find("sslcert", "postgresql.crt") else {
            return Ok(builder.with_no_client_auth());
        };
        let hint = "name the client certificate with sslcert=FILE and its key with sslkey=FILE";
        let pem = self.read(&certificate, hint)?;
        let own: Vec<_> = CertificateDer::pem_slice_iter(&pem)
            .filter_map(Result::ok)
            .collect();
        if own.is_empty() {
            return Err(certificate.fault("holds no certificate", hint));
        }
        let Some(key) = self.find("sslkey", "postgresql.key") else {
            return Err(certificate.fault("has no key beside it", hint));
        };
        let private = self.private_key(&key)?;
        builder
            .with_client_auth_cert(own, private)
            .map_err(|error| key.fault(format!("does not fit the certificate: {error}"), hint))
    }

    fn private_key(&self, key: &Found) -> Result<PrivateKeyDer<'static>, ResolveError> {
        let hint = "it holds an unencrypted PEM key";
        if let Ok(stat) = self.env.stat(&key.path) {
            // libpq's rule: a key of root's may be readable by a group.
            let forbidden = if stat.of_root { 0o037 } else { 0o077 };
            if stat.mode & forbidden != 0 {
                let what = format!("has mode {:04o}: others may read it", stat.mode);
                return Err(key.fault(what, "chmod 0600 it"));
            }
        }
        let pem = self.read(key, hint)?;
        PrivateKeyDer::from_pem_slice(&pem)
            .map_err(|_| key.fault("holds no key that can be read", hint))
    }

    /// The file that the parameter names, whether it exists or not, else the
    /// usual one where it exists.
    fn find(&self, name: &'static str, usual: &str) -> Option<Found> {
        if let Some(value) = self.params.get(name) {
            return Some(Found {
                path: PathBuf::from(&value.text),
                place: format!("{}: {name}", value.place),
            });
        }
        let path = self.env.home()?.join(".postgresql").join(usual);
        self.env.stat(&path).is_ok().then(|| Found {
            path,
            place: name.to_owned(),
        })
    }

    fn read(&self, found: &Found, hint: &str) -> Result<Vec<u8>, ResolveError> {
        self.env
            .read(&found.path)
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => found.fault("does not exist", hint),
                _ => found.fault(format!("cannot be read: {error}"), hint),
            })
    }
}

fn system_roots(found: &Found) -> Result<Roots, ResolveError> {
    let mut roots = Roots::none();
    for certificate in rustls_native_certs::load_native_certs().certs {
        // A store of a hundred may hold one that is too old to read.
        roots.add(certificate);
    }
    match roots.is_empty() {
        true => Err(found.fault("has no certificates", "install the package ca-certificates")),
        false => Ok(roots),
    }
}
