//! Servers that speak TLS, and the certificates for them; owns no test.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use pgcutover::sandbox::{Cluster, Stop};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};

use crate::support;

/// Who may log in how; roles of the same names exist.
const HBA: &str = "\
local     all all          trust
hostssl   all scram     127.0.0.1/32 scram-sha-256
hostnossl all scram     127.0.0.1/32 scram-sha-256
hostssl   all certified 127.0.0.1/32 cert
hostssl   all trusted   127.0.0.1/32 trust
hostnossl all plain     127.0.0.1/32 trust
";

/// A certificate authority of a test's own.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, as PEM.
pub(crate) type Pair = (String, String);

impl Authority {
    /// It is for `localhost` too, so that it can be a server's certificate itself.
    pub(crate) fn new() -> Self {
        let mut params = named("localhost");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer }
    }

    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Its own certificate.
    pub(crate) fn itself(&self) -> Pair {
        (self.pem(), self.issuer.key().serialize_pem())
    }

    pub(crate) fn server(&self, host: &str) -> Pair {
        self.sign(&named(host))
    }

    pub(crate) fn expired(&self, host: &str) -> Pair {
        let mut params = named(host);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.sign(&params)
    }

    pub(crate) fn client(&self, role: &str) -> Pair {
        self.sign(&named(role))
    }

    fn sign(&self, params: &CertificateParams) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A server on 127.0.0.1 that offers TLS; see [`HBA`] for its roles.
pub(crate) struct TlsServer {
    cluster: Cluster,
    pub(crate) authority: Authority,
    /// The authority's certificate as a file.
    pub(crate) root: PathBuf,
}

impl TlsServer {
    /// The one that this process's tests share, with a sound certificate for `localhost`.
    pub(crate) fn shared() -> &'static Self {
        // Never dropped: the sandbox notices the end of this process by itself.
        static SHARED: OnceLock<TlsServer> = OnceLock::new();
        SHARED.get_or_init(|| {
            let authority = Authority::new();
            Self::start(authority.server("localhost"), authority)
        })
    }

    pub(crate) fn start((certificate, key): Pair, authority: Authority) -> Self {
        let port = free_port().to_string();
        let cluster = support::start(false, &[("listen_addresses", "127.0.0.1"), ("port", &port)]);
        let data = cluster.primary().data_dir();
        write(&data.join("server.crt"), 0o644, &certificate);
        write(&data.join("server.key"), 0o600, &key);
        write(&data.join("root.crt"), 0o644, &authority.pem());
        write(&data.join("pg_hba.conf"), 0o600, HBA);
        let own = data.join("postgresql.auto.conf");
        write(&own, 0o600, "ssl = on\nssl_ca_file = 'root.crt'\n");
        cluster.primary().restart(Stop::Fast).unwrap();

        // Outside of the data directory, which only the server may read.
        let root = cluster
            .make_directory("authority")
            .unwrap()
            .join("root.crt");
        fs::write(&root, authority.pem()).unwrap();
        let server = Self {
            cluster,
            authority,
            root,
        };
        server.create_roles();
        server
    }

    fn create_roles(&self) {
        let dsn = self.cluster.primary().dsn("postgres");
        let create = async move {
            let statement =
                "CREATE ROLE scram LOGIN PASSWORD 'geheim'; CREATE ROLE certified LOGIN;
                             CREATE ROLE trusted LOGIN; CREATE ROLE plain LOGIN";
            support::connect(&dsn)
                .await
                .batch_execute(statement)
                .await
                .unwrap();
        };
        // On a thread of its own: the caller is inside of a runtime already.
        std::thread::scope(|scope| {
            let runtime = || {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
            };
            scope.spawn(move || runtime().unwrap().block_on(create));
        });
    }

    /// The URL for `host`, which need not be the server's name: its address is given apart.
    pub(crate) fn url(&self, host: &str, user: &str, parameters: &str) -> String {
        let port = self.cluster.primary().port();
        format!("postgresql://{user}@{host}:{port}/postgres?hostaddr=127.0.0.1&{parameters}")
    }
}

/// Writes a file that the server's account owns, as its directory does.
fn write(path: &Path, mode: u32, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let directory = fs::metadata(path.parent().unwrap()).unwrap();
    chown(path, Some(directory.uid()), Some(directory.gid())).unwrap();
}

/// A port that nobody listened to a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
