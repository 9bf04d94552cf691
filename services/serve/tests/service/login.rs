//! Who comes in.

use hushtag_serve::sandbox::demo::RECIPIENT;
use hushtag_serve::sandbox::{Clock, SystemClock};
use hushtag_serve::tokens::{Role, TokenStore};
use tokio_postgres::NoTls;

use crate::client::connect;
use crate::support::{runtime, shared};

fn refused(user: &str, password: &str) -> String {
    let dsn = format!(
        "host=127.0.0.1 port={} user={user} password={password} dbname=hushtag",
        shared().postgres.port()
    );
    let error = runtime().block_on(tokio_postgres::connect(&dsn, NoTls)).map(|_| ()).unwrap_err();
    error.as_db_error().unwrap_or_else(|| panic!("{error}")).code().code().to_owned()
}

#[test]
fn only_an_analyst_with_a_token_of_the_user_comes_in() {
    let _alone = crate::support::alone();
    let world = shared();
    assert_eq!(refused(RECIPIENT, "hushtag_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), "28P01");
    assert_eq!(refused(RECIPIENT, "x"), "28P01");
    assert_eq!(refused("somebody", &world.analyst), "28P01");
    assert_eq!(refused(RECIPIENT, &world.auditor), "28P01");
    assert_eq!(refused(RECIPIENT, &world.monitor), "28P01");
    assert_eq!(connect(world).rows("SELECT 1 AS one").unwrap().1, [[Some("1".to_owned())]]);
}

#[test]
fn a_token_that_is_revoked_opens_nothing_more_also_where_it_is_in_use() {
    let _alone = crate::support::alone();
    let world = shared();
    let store = TokenStore::open(&world.state).unwrap();
    let (token, record) = store.add(Role::Analyst, (Some(RECIPIENT), None), 1, SystemClock.now()).unwrap();
    let dsn = format!(
        "host=127.0.0.1 port={} user={RECIPIENT} password={} dbname=hushtag",
        world.postgres.port(),
        *token.reveal()
    );
    runtime().block_on(async {
        let (client, connection) = tokio_postgres::connect(&dsn, NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        client.simple_query("SELECT 1").await.unwrap();
        let statement = client.prepare("SELECT COUNT(*) FROM tags WITH (error = 93)").await.unwrap();
        store.revoke(&record.id).unwrap();
        let spent = world.spent();
        let error = client.query(&statement, &[]).await.unwrap_err();
        assert_eq!(error.as_db_error().unwrap().code().code(), "28000");
        assert_eq!(world.spent(), spent);
        assert!(connection.await.unwrap().is_ok() || client.is_closed());
    });
}
