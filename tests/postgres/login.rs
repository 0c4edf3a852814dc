//! Who we say we are: passwords and where they come from, client certificates,
//! channel binding. Every refusal has a way out, and none shows a password.

use pgcutover::pg::connect::ResolveError;
use pgcutover::pg::session::{OpenError, Purpose, open};

use crate::targets::{Surroundings, session, target};
use crate::tls::{Authority, TlsServer};

/// Where no password of these is ever to be seen.
fn hides(text: &str) {
    assert!(
        !text.contains("geheim") && !text.contains("wrong-7f3"),
        "{text}"
    );
}

/// The refusal of a login, as a person reads it.
async fn refused(surroundings: &Surroundings) -> String {
    let target = surroundings.resolve().unwrap();
    let error = open(&target, Purpose::Step).await.err().unwrap();
    let text = error.to_string();
    let fits = matches!(error, OpenError::Authentication { .. }) && !error.is_transient();
    assert!(fits && text.contains("\nhint: "), "{error:?}");
    hides(&format!("{error:?} {text} {target:?} {target}"));
    text
}

fn url(user: &str, parameters: &str) -> String {
    TlsServer::shared().url("localhost", user, parameters)
}

#[tokio::test]
async fn a_password_is_taken_from_wherever_libpq_would_take_it() {
    let with_password = url("scram:geheim", "sslmode=require");
    session(&with_password, Purpose::Step).await;
    let mut surroundings = Surroundings::new(&url("scram", "sslmode=require"));
    surroundings.set("PGPASSWORD", "geheim");
    open(&surroundings.resolve().unwrap(), Purpose::Step)
        .await
        .unwrap();
    let mut surroundings = Surroundings::new(&url("scram", "sslmode=require"));
    let file = surroundings.write("elsewhere", 0o600, "*:*:postgres:scram:geheim\n");
    surroundings.set("PGPASSFILE", file.to_str().unwrap());
    open(&surroundings.resolve().unwrap(), Purpose::Step)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_wrong_password_says_where_it_came_from() {
    let inline = Surroundings::new(&url("scram:wrong-7f3", "sslmode=require"));
    let told = refused(&inline).await;
    assert!(told.contains("the password came from $URL"), "{told}");
    let mut variable = Surroundings::new(&url("scram", "sslmode=require"));
    variable.set("PGPASSWORD", "wrong-7f3");
    let told = refused(&variable).await;
    assert!(
        told.contains("the password came from $PGPASSWORD"),
        "{told}"
    );
}

#[tokio::test]
async fn no_password_at_all_says_where_one_is_looked_for() {
    let none = Surroundings::new(&url("scram", "sslmode=require"));
    let told = refused(&none).await;
    let ways = told.contains("PGPASSWORD") && told.contains("~/.pgpass (mode 0600)");
    assert!(told.contains("no password was given") && ways, "{told}");
}

#[tokio::test]
async fn a_client_certificate_that_is_missing_or_another_roles_is_told() {
    let server = TlsServer::shared();
    let none = Surroundings::new(&url("certified", "sslmode=require"));
    let told = refused(&none).await;
    assert!(
        told.contains("client certificate") && told.contains("sslcert=FILE"),
        "{told}"
    );

    let (certificate, key) = server.authority.client("somebody");
    none.write(".postgresql/postgresql.crt", 0o644, &certificate);
    none.write(".postgresql/postgresql.key", 0o600, &key);
    let told = refused(&none).await;
    assert!(told.contains("for this role"), "{told}");

    let (certificate, key) = Authority::new().client("certified");
    none.write(".postgresql/postgresql.crt", 0o644, &certificate);
    none.write(".postgresql/postgresql.key", 0o600, &key);
    let target = none.resolve().unwrap();
    let error = open(&target, Purpose::Step).await.err().unwrap();
    let told = error.to_string();
    assert!(matches!(error, OpenError::Tls { .. }), "{error:?}");
    assert!(
        told.contains("hint: it may ask for a client certificate"),
        "{told}"
    );
}

#[tokio::test]
async fn a_client_certificate_may_be_named_and_its_key_is_nobody_elses_to_read() {
    let server = TlsServer::shared();
    let (certificate, key) = server.authority.client("certified");
    let mut named = Surroundings::new(&url("certified", "sslmode=verify-full"));
    for (variable, name, mode, text) in [
        ("PGSSLCERT", "my.crt", 0o644, &certificate),
        ("PGSSLKEY", "my.key", 0o600, &key),
        (
            "PGSSLROOTCERT",
            "my-root.crt",
            0o644,
            &server.authority.pem(),
        ),
    ] {
        let path = named.write(name, mode, text);
        named.set(variable, path.to_str().unwrap());
    }
    open(&named.resolve().unwrap(), Purpose::Step)
        .await
        .unwrap();

    named.write("my.key", 0o644, &key);
    let error = named.resolve().unwrap_err();
    assert!(matches!(error, ResolveError::File { .. }), "{error:?}");
    assert!(error.to_string().contains("hint: chmod 0600 it"), "{error}");
}

#[tokio::test]
async fn channel_binding_is_required_or_there_is_no_session() {
    let bound = "sslmode=require&channel_binding=require";
    session(&url("scram:geheim", bound), Purpose::Step).await;
    for parameters in ["sslmode=require&channel_binding=disable", "sslmode=disable"] {
        session(&url("scram:geheim", parameters), Purpose::Step).await;
    }
    for (user, parameters) in [
        ("scram:geheim", "sslmode=disable&channel_binding=require"),
        // No password is asked for, so nothing binds it to this server.
        ("trusted", bound),
        ("plain", "sslmode=disable&channel_binding=require"),
    ] {
        let told = refused(&Surroundings::new(&url(user, parameters))).await;
        let way_out = told.contains("it takes TLS") && told.contains("channel_binding=prefer");
        assert!(
            told.contains("channel binding") && way_out,
            "{user}: {told}"
        );
    }
}

#[tokio::test]
async fn a_host_that_is_down_or_unfit_gives_way_to_the_next_with_its_own_password() {
    let server = TlsServer::shared();
    let port = server.url("localhost", "x", "");
    let port = port.split(':').nth(2).unwrap().split('/').next().unwrap();
    let url = format!(
        "postgresql://scram@gone.example:1,localhost:{port}/postgres?hostaddr=127.0.0.1,127.0.0.1\
         &sslmode=require&target_session_attrs=read-write"
    );
    let surroundings = Surroundings::new(&url);
    let lines = "gone.example:*:*:*:wrong-7f3\nlocalhost:*:*:scram:geheim\n";
    surroundings.write(".pgpass", 0o600, lines);
    open(&surroundings.resolve().unwrap(), Purpose::Step)
        .await
        .unwrap();
    let text = format!("{:?} {}", target(&url), target(&url));
    assert!(text.contains("scram@gone.example:1"), "{text}");
}
