//! Owns what a failed TLS handshake means, and the way out of it.

use std::io;

use rustls::CertificateError;

use crate::pg::sqlstate::chain;
use crate::text::clean_bounded;

/// Whether the error comes from TLS, in the handshake or just after it: with
/// TLS 1.3 a server that refuses our certificate says so in its first answer.
pub(in crate::pg) fn is_tls(error: &tokio_postgres::Error) -> bool {
    error.to_string() == "error performing TLS handshake" || rustls_error(error).is_some()
}

/// What a failed handshake means, and the way out where there is one.
pub(in crate::pg) fn explain(error: &tokio_postgres::Error) -> (String, Option<&'static str>) {
    let said = clean_bounded(&chain(error), 300);
    let (what, hint) = match rustls_error(error) {
        Some(rustls::Error::InvalidCertificate(fault)) => certificate_fault(fault),
        Some(rustls::Error::AlertReceived(alert)) => (
            format!("the server broke off: {alert:?}"),
            "it may ask for a client certificate (sslcert, sslkey) that it trusts",
        ),
        _ if said.contains("server does not support TLS") => (
            "the server does not offer TLS".to_owned(),
            "set `ssl = on` there, or choose sslmode=prefer where the network is trusted",
        ),
        _ => return (said, None),
    };
    (clean_bounded(&what, 300), Some(hint))
}

fn certificate_fault(fault: &CertificateError) -> (String, &'static str) {
    match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            format!("the server's certificate has expired ({fault})"),
            "renew it, and see that this machine's clock is right",
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => (
            format!("the server's certificate is not valid yet ({fault})"),
            "see that this machine's clock is right",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            format!("the server's certificate is for another host ({fault})"),
            "connect by a name in its subjectAltName (its common name does not count), or choose sslmode=verify-ca",
        ),
        // A signature that is bad comes from another authority of the same name.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => (
            "no authority in sslrootcert signed the server's certificate".to_owned(),
            "name the authority that did with sslrootcert=FILE",
        ),
        fault => (
            format!("the server's certificate cannot be used ({fault})"),
            "it has to be an X.509 version 3 certificate for a server",
        ),
    }
}

/// The driver wraps it in an `io::Error`, whose source skips it.
fn rustls_error(error: &tokio_postgres::Error) -> Option<&rustls::Error> {
    let source = std::error::Error::source(error)?.downcast_ref::<io::Error>()?;
    source.get_ref()?.downcast_ref()
}
