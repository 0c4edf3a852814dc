//! Owns the judgement on a server's certificate, with libpq's three degrees:
//! none, its chain, its chain and its name.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// The authorities that are trusted.
#[derive(Debug)]
pub(super) struct Roots {
    store: RootCertStore,
    /// The same as they stand in the file: a server's own certificate may be one.
    certificates: Vec<CertificateDer<'static>>,
}

impl Roots {
    pub(super) fn none() -> Self {
        Self {
            store: RootCertStore::empty(),
            certificates: Vec::new(),
        }
    }

    /// Trusts that certificate; `false` where it is none.
    pub(super) fn add(&mut self, certificate: CertificateDer<'static>) -> bool {
        let added = self.store.add(certificate.clone()).is_ok();
        if added {
            self.certificates.push(certificate);
        }
        added
    }

    pub(super) fn is_empty(&self) -> bool {
        self.certificates.is_empty()
    }
}

/// What is asked of a server's certificate.
#[derive(Debug)]
pub(super) enum Trust {
    /// Nothing: encryption alone.
    Anyone,
    /// A trusted authority signed it.
    Chain(Roots),
    /// And it is for the host that was asked for.
    ChainAndName(Roots),
}

/// Asks that of the server's certificate. The handshake's signature is checked
/// always: without it a channel binding would bind to a certificate that anyone can show.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) trust: Trust,
    pub(super) provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn verify_chain(
        &self,
        roots: &Roots,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let verified = verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(leaf)?,
            &roots.store,
            intermediates,
            now,
            self.provider.signature_verification_algorithms.all,
        );
        match verified {
            Err(error) if is_authority_itself(&error) && roots.certificates.contains(leaf) => {
                Ok(())
            }
            verified => verified,
        }
    }
}

/// A self-signed server certificate that is its own trusted root, as the
/// manual's quick recipe makes it: OpenSSL takes it, webpki calls it a CA used
/// as an end entity, after it has checked that it is not expired. webpki's
/// error is not ours to name, hence its text.
fn is_authority_itself(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::Other(other)) => {
            format!("{other:?}").contains("CaUsedAsEndEntity")
        }
        _ => false,
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.trust {
            Trust::Anyone => {}
            Trust::Chain(roots) => self.verify_chain(roots, leaf, intermediates, now)?,
            Trust::ChainAndName(roots) => {
                self.verify_chain(roots, leaf, intermediates, now)?;
                verify_server_name(&ParsedCertificate::try_from(leaf)?, server_name)?;
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, leaf, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, leaf, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
