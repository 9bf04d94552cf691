//! Login: the token is the password, and the user is its recipient.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use futures::{Sink, SinkExt};
use pgwire::api::auth::{
    DefaultServerParameterProvider, StartupHandler, finish_authentication, protocol_negotiation,
    save_startup_parameters_to_metadata,
};
use pgwire::api::{
    ClientInfo, ConnectionGuard, ConnectionHandle, METADATA_USER, PgWireConnectionState,
    PidSecretKeyGenerator, RandomPidSecretKeyGenerator,
};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::startup::Authentication;
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};

use super::connection::{Connection, Login};
use super::error::{fatal, of_service};
use crate::catalogue::SERVER_VERSION;
use crate::tokens::Role;

/// Lets holders of tokens in.
pub(super) struct Startup(pub(super) Arc<Connection>);

#[async_trait]
impl StartupHandler for Startup {
    async fn on_startup<C>(&self, client: &mut C, message: PgWireFrontendMessage) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        if self.0.needs_tls && !client.is_secure() {
            return Err(fatal("28000", "this door speaks TLS: connect with sslmode=verify-full"));
        }
        match message {
            PgWireFrontendMessage::Startup(ref startup) => {
                protocol_negotiation(client, startup).await?;
                save_startup_parameters_to_metadata(client, startup);
                client.set_state(PgWireConnectionState::AuthenticationInProgress);
                let ask = PgWireBackendMessage::Authentication(Authentication::CleartextPassword);
                client.send(ask).await?;
                Ok(())
            }
            PgWireFrontendMessage::PasswordMessageFamily(message) => {
                let password = zeroize::Zeroizing::new(message.into_password()?.password);
                let user = client.metadata().get(METADATA_USER).cloned().unwrap_or_default();
                let login = self.login(&user, &password)?;
                self.0.session.start(client.metadata());
                // Set once: a second password message does not come here, the state has changed.
                let _ = self.0.login.set(login);
                self.register(client);
                finish_authentication(client, &parameters()).await
            }
            _ => Err(fatal("08P01", "log in first")),
        }
    }
}

impl Startup {
    /// Whether the user or the token is wrong is not said.
    fn login(&self, user: &str, password: &str) -> PgWireResult<Login> {
        let service = &self.0.service;
        let caller = service.caller(password).map_err(|error| of_service(&error))?;
        let refused = || {
            fatal("28P01", "the password is no token in force of this user: the user is the recipient's id")
        };
        let caller = caller.filter(|caller| caller.role == Role::Analyst).ok_or_else(refused)?;
        let who = caller.who.clone().filter(|who| who.recipient() == user).ok_or_else(refused)?;
        let catalogue = service.catalogues.of(service, &who).map_err(|error| of_service(&error))?;
        Ok(Login { caller, catalogue })
    }

    /// Lets the client cancel its statements from another connection.
    fn register<C: ClientInfo>(&self, client: &mut C) {
        let (pid, secret) = RandomPidSecretKeyGenerator::default().generate(&*client);
        // One counter a connection would give every client the same number: the secret tells them apart.
        client.set_pid_and_secret_key(pid, secret);
        let (pid, secret) = client.pid_and_secret_key();
        let (handle, guard) = self.0.cancels.0.register(pid, secret);
        client.session_extensions().insert::<Arc<ConnectionHandle>>(handle);
        client.session_extensions().insert::<ConnectionGuard>(guard);
    }
}

fn parameters() -> DefaultServerParameterProvider {
    let mut parameters = DefaultServerParameterProvider::default();
    parameters.server_version = SERVER_VERSION.to_owned();
    parameters.is_superuser = false;
    parameters.default_transaction_read_only = true;
    parameters
}
