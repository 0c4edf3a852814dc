//! Connecting as libpq does: encryption, certificates, passwords, several hosts.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use pgcutover::pg::session::{OpenError, Purpose, Session, open};
use pgcutover::run::fault::Trouble;
use pgcutover::sandbox::Cluster;

use crate::support;
use crate::targets::{Surroundings, session, target};
use crate::tls::{Authority, TlsServer, free_port};

async fn encrypted(session: &Session) -> bool {
    let question = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let row = session.client().query_one(question, &[]).await;
    row.unwrap().get(0)
}

async fn refusal(url: &str) -> OpenError {
    open(&target(url), Purpose::Step).await.err().unwrap()
}

#[tokio::test]
async fn verify_full_takes_the_right_name_and_binds_the_password_to_the_channel() {
    let server = TlsServer::shared();
    let url = server.url(
        "localhost",
        "scram",
        "sslmode=verify-full&channel_binding=require",
    );
    let surroundings = Surroundings::new(&url);
    surroundings.write(".postgresql/root.crt", 0o644, &server.authority.pem());
    surroundings.write(".pgpass", 0o600, "localhost:*:*:scram:geheim\n");
    let session = open(&surroundings.resolve().unwrap(), Purpose::Step)
        .await
        .unwrap();
    assert!(encrypted(&session).await);
}

#[tokio::test]
async fn a_certificate_for_another_host_fails_verify_full_alone() {
    let server = TlsServer::shared();
    let url = |mode: &str| {
        let root = server.root.display();
        server.url(
            "db.example",
            "trusted",
            &format!("sslmode={mode}&sslrootcert={root}"),
        )
    };
    let error = refusal(&url("verify-full")).await;
    assert!(matches!(error, OpenError::Tls { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains("another host") && text.contains("db.example"),
        "{text}"
    );
    assert!(
        text.contains("localhost") && text.contains("hint: "),
        "{text}"
    );
    assert!(encrypted(&session(&url("verify-ca"), Purpose::Step).await).await);
}

#[tokio::test]
async fn an_unknown_authority_is_refused_wherever_an_authority_is_named() {
    let server = TlsServer::shared();
    let stranger = Authority::new();
    for mode in ["require", "verify-ca", "verify-full"] {
        let surroundings =
            Surroundings::new(&server.url("localhost", "trusted", &format!("sslmode={mode}")));
        surroundings.write(".postgresql/root.crt", 0o644, &stranger.pem());
        let target = surroundings.resolve().unwrap();
        let error = open(&target, Purpose::Step).await.err().unwrap();
        assert!(matches!(error, OpenError::Tls { .. }), "{mode}: {error:?}");
        assert!(error.to_string().contains("no authority"), "{error}");
    }
    let session = session(
        &server.url("localhost", "trusted", "sslmode=require"),
        Purpose::Step,
    )
    .await;
    assert!(encrypted(&session).await);
}

#[tokio::test]
async fn an_expired_certificate_is_refused_where_it_is_verified() {
    let authority = Authority::new();
    let server = TlsServer::start(authority.expired("localhost"), authority);
    let root = server.root.display();
    let error = refusal(&server.url(
        "localhost",
        "trusted",
        &format!("sslmode=verify-ca&sslrootcert={root}"),
    ))
    .await;
    assert!(matches!(error, OpenError::Tls { .. }), "{error:?}");
    assert!(error.to_string().contains("expired"), "{error}");
    session(
        &server.url("localhost", "trusted", "sslmode=require"),
        Purpose::Step,
    )
    .await;
}

#[tokio::test]
async fn a_self_signed_certificate_can_be_its_own_authority() {
    let authority = Authority::new();
    let server = TlsServer::start(authority.itself(), authority);
    let root = server.root.display();
    let url = server.url(
        "localhost",
        "trusted",
        &format!("sslmode=verify-full&sslrootcert={root}"),
    );
    assert!(encrypted(&session(&url, Purpose::Step).await).await);
}

#[tokio::test]
async fn a_client_certificate_stands_for_a_password() {
    let server = TlsServer::shared();
    let surroundings = Surroundings::new(&server.url("localhost", "certified", "sslmode=require"));
    let error = open(&surroundings.resolve().unwrap(), Purpose::Step)
        .await
        .err()
        .unwrap();
    assert!(
        matches!(error, OpenError::Authentication { .. }),
        "{error:?}"
    );

    let (certificate, key) = server.authority.client("certified");
    surroundings.write(".postgresql/postgresql.crt", 0o644, &certificate);
    surroundings.write(".postgresql/postgresql.key", 0o600, &key);
    open(&surroundings.resolve().unwrap(), Purpose::Step)
        .await
        .unwrap();
}

#[tokio::test]
async fn prefer_and_allow_go_the_way_that_the_server_takes() {
    let server = TlsServer::shared();
    for (user, mode, expected) in [
        ("trusted", "prefer", true),
        ("plain", "prefer", false),
        ("trusted", "allow", true),
        ("plain", "allow", false),
        ("plain", "disable", false),
    ] {
        let url = server.url("localhost", user, &format!("sslmode={mode}"));
        let session = session(&url, Purpose::Step).await;
        assert_eq!(encrypted(&session).await, expected, "{user} {mode}");
    }
    for (user, mode) in [("trusted", "disable"), ("plain", "require")] {
        let error = refusal(&server.url("localhost", user, &format!("sslmode={mode}"))).await;
        assert!(
            matches!(error, OpenError::Authentication { .. }),
            "{error:?}"
        );
        let text = error.to_string();
        assert!(text.contains("hint: see that the role exists"), "{text}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_required() {
    let port = free_port().to_string();
    let cluster = support::start(false, &[("listen_addresses", "127.0.0.1"), ("port", &port)]);
    trust_tcp(&cluster);
    let url =
        |mode: &str| format!("postgresql://postgres@127.0.0.1:{port}/postgres?sslmode={mode}");
    let error = refusal(&url("require")).await;
    assert!(matches!(error, OpenError::Tls { .. }), "{error:?}");
    assert!(error.to_string().contains("does not offer TLS"), "{error}");
    session(&url("prefer"), Purpose::Step).await;
}

fn trust_tcp(cluster: &Cluster) {
    let hba = cluster.primary().data_dir().join("pg_hba.conf");
    std::fs::write(
        hba,
        "local all all trust\nhost all all 127.0.0.1/32 trust\n",
    )
    .unwrap();
    cluster
        .primary()
        .restart(pgcutover::sandbox::Stop::Fast)
        .unwrap();
}

#[tokio::test]
async fn a_statement_over_tls_is_cancelled_over_tls() {
    let server = TlsServer::shared();
    let session = session(
        &server.url("localhost", "trusted", "sslmode=require"),
        Purpose::Step,
    )
    .await;
    let sleep = session.client().batch_execute("SELECT pg_sleep(60)");
    let error = session
        .bounded(Duration::from_millis(100), sleep)
        .await
        .unwrap_err();
    assert_eq!(error.fault().trouble, Trouble::Deadline);
}

#[tokio::test]
async fn a_refused_password_says_where_it_came_from() {
    let server = TlsServer::shared();
    let url = server.url("localhost", "scram", "sslmode=require");
    let refused = async |mode, text: &str| {
        let surroundings = Surroundings::new(&url);
        surroundings.write(".pgpass", mode, text);
        let error = open(&surroundings.resolve().unwrap(), Purpose::Step)
            .await
            .err()
            .unwrap();
        assert!(
            matches!(error, OpenError::Authentication { .. }),
            "{error:?}"
        );
        assert!(!error.is_transient());
        assert!(
            !format!("{error:?} {error}").contains("geheim"),
            "{error:?}"
        );
        error.to_string()
    };
    let wrong = refused(0o600, "# mine\n*:*:*:*:geheimer\n").await;
    assert!(
        wrong.contains("password authentication failed") && wrong.contains("line 2"),
        "{wrong}"
    );
    let readable = refused(0o644, "*:*:*:*:geheim\n").await;
    assert!(
        readable.contains("ignored") && readable.contains("chmod 0600"),
        "{readable}"
    );
    let other = refused(0o600, "elsewhere:*:*:*:geheim\n").await;
    assert!(other.contains("no line of"), "{other}");
}

#[tokio::test]
async fn several_hosts_are_tried_for_the_one_that_fits() {
    let shared = support::shared();
    let (primary, standby) = (shared.primary(), shared.standby().unwrap());
    let sockets = primary.socket_dir().display();
    let url = |attrs: &str| {
        let ports = format!("1,{},{}", standby.port(), primary.port());
        format!(
            "host={sockets},{sockets},{sockets} port={ports} user=postgres dbname=postgres target_session_attrs={attrs}"
        )
    };
    for (attrs, in_recovery) in [
        ("any", true),
        ("primary", false),
        ("read-write", false),
        ("standby", true),
        ("read-only", true),
        ("prefer-standby", true),
    ] {
        let session = session(&url(attrs), Purpose::Step).await;
        let row = session
            .client()
            .query_one("SELECT pg_is_in_recovery()", &[])
            .await
            .unwrap();
        assert_eq!(row.get::<_, bool>(0), in_recovery, "{attrs}");
    }
    let alone = |attrs: &str| format!("{}&target_session_attrs={attrs}", primary.dsn("postgres"));
    session(&alone("prefer-standby"), Purpose::Step).await;
    let error = refusal(&alone("standby")).await;
    assert!(
        matches!(
            error,
            OpenError::Unsuitable {
                wanted: "standby",
                ..
            }
        ),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("hint: name every host"),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let port = free_port();
    let error = refusal(&format!(
        "postgresql://bo:geheim@127.0.0.1:{port},127.0.0.1:{port}/app"
    ))
    .await;
    assert!(
        matches!(&error, OpenError::NoHost { attempts } if attempts.len() == 2),
        "{error:?}"
    );
    assert_eq!(error.fault().trouble, Trouble::Unavailable);
    assert!(
        error
            .to_string()
            .contains(&format!("bo@127.0.0.1:{port}/app")),
        "{error}"
    );
    assert!(!format!("{error:?} {error}").contains("geheim"));
    let hint = "\nhint: see that the server runs and listens there";
    assert!(error.to_string().ends_with(hint), "{error}");
    let error = refusal("postgresql:///app?host=/nowhere").await;
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_in_time() {
    // Taken by the system's backlog, and never answered.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let error = refusal(&format!(
        "postgresql://127.0.0.1:{port}/app?connect_timeout=1"
    ))
    .await;
    assert!(matches!(error, OpenError::TimedOut { .. }), "{error:?}");
    assert_eq!(error.fault().trouble, Trouble::Unavailable);
}

#[tokio::test]
async fn a_full_server_is_told_apart() {
    let cluster = support::start(
        false,
        &[
            ("max_connections", "5"),
            ("superuser_reserved_connections", "1"),
        ],
    );
    let dsn = cluster.primary().dsn("postgres");
    let mut sessions = Vec::new();
    let error = loop {
        match open(&target(&dsn), Purpose::Step).await {
            Ok(session) => sessions.push(session),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error, OpenError::TooManyConnections { .. }),
        "{error:?}"
    );
    assert_eq!(error.fault().trouble, Trouble::Unavailable);
    let text = error.to_string();
    let told = text.contains("too many clients") || text.contains("remaining connection slots");
    assert!(told && text.contains("\nhint: end idle sessions"), "{text}");
    assert_eq!(sessions.len(), 5);
}

#[tokio::test]
async fn a_server_that_shuts_down_is_told_apart() {
    let cluster = support::cluster(false);
    let dsn = cluster.primary().dsn("postgres");
    let witness = session(&dsn, Purpose::Step).await;
    // Smart: it waits for the session that is there, and takes no new one.
    let pid = cluster.primary().pid().unwrap().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    let error = loop {
        match open(&target(&dsn), Purpose::Step).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, OpenError::StartingUp { .. }), "{error:?}");
    assert_eq!(error.fault().trouble, Trouble::Unavailable);
    drop(witness);
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_refused_for_good() {
    let error = refusal(&support::shared().primary().dsn("nowhere")).await;
    assert!(matches!(error, OpenError::Refused { .. }), "{error:?}");
    assert!(!error.is_transient());
    assert!(
        error.to_string().contains("\"nowhere\" does not exist"),
        "{error}"
    );
}

#[tokio::test]
async fn a_service_file_leads_to_the_server() {
    let server = support::shared().primary();
    let surroundings = Surroundings::new("service=shop");
    let section = format!(
        "[shop]\nhost={}\nport={}\nuser=postgres\ndbname=postgres\n",
        Path::display(server.socket_dir()),
        server.port()
    );
    surroundings.write(".pg_service.conf", 0o644, &section);
    open(&surroundings.resolve().unwrap(), Purpose::Monitor)
        .await
        .unwrap();
}
