//! Owns what can be wrong with a connection's parameters; every fault names
//! its place and the way out, and none repeats a password.

/// Why a target could not be resolved. A person mends all of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The runbook names a variable that is not set.
    #[error(
        "environment variable `{name}` is not set\nhint: export {name}='postgresql://user@host/database'"
    )]
    Unset {
        /// The variable.
        name: String,
    },
    /// Neither a URL nor key-value pairs, or a line that is none. Nothing of
    /// the text is repeated: a password may be anywhere in it.
    #[error("{place}: {what}\nhint: {hint}")]
    Malformed {
        /// The variable, or the file and line.
        place: String,
        /// What is wrong, and at which character.
        what: String,
        /// The way out.
        hint: String,
    },
    /// Not a parameter of libpq's.
    #[error(
        "{place}: unknown connection parameter `{keyword}`\nhint: the names are libpq's, such as host, port, dbname, user, sslmode"
    )]
    Unknown {
        /// Where.
        place: String,
        /// What was written.
        keyword: String,
    },
    /// A parameter that libpq honours and pgcutover does not: ignoring it
    /// could weaken what it asks for.
    #[error("{place}: connection parameter `{keyword}` is not supported\nhint: {hint}")]
    Unsupported {
        /// Where.
        place: String,
        /// Which.
        keyword: &'static str,
        /// The way out.
        hint: &'static str,
    },
    /// A value that does not fit its parameter.
    #[error("{place}: `{keyword}` is `{value}`\nhint: {expected}")]
    Value {
        /// Where.
        place: String,
        /// Which parameter.
        keyword: &'static str,
        /// What was given; clean.
        value: String,
        /// What fits.
        expected: String,
    },
    /// No file defines the service.
    #[error(
        "service `{service}` is defined nowhere\nhint: searched {searched}; add a section `[{service}]`"
    )]
    NoService {
        /// Its name.
        service: String,
        /// The files, in order.
        searched: String,
    },
    /// A file that was named, or is needed, cannot be used.
    #[error("{place}: `{path}` {what}\nhint: {hint}")]
    File {
        /// Who names the file.
        place: String,
        /// The file.
        path: String,
        /// Why not.
        what: String,
        /// The way out.
        hint: String,
    },
}
