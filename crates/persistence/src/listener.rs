//! LISTEN on a connection of its own: whoever waits for something to change is woken, instead of asking all the time.

use std::future::poll_fn;
use std::time::Duration;

use tokio_postgres::AsyncMessage;
use tokio_postgres::tls::TlsStream;
use tokio_postgres::{Client, Connection};

use crate::{ConnectOptions, Error, pool};

/// The longest wait for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where to listen, and for what. It only wakes: what changed is to be read, and looked at now and then without being woken as well.
#[derive(Debug, Clone)]
pub struct Listener {
    options: ConnectOptions,
    channel: &'static str,
}

impl Listener {
    /// For the notifications of this channel, a plain name such as [`sessions::ENDED`](crate::sessions::ENDED).
    pub fn new(options: ConnectOptions, channel: &'static str) -> Self {
        Self { options, channel }
    }

    /// Calls `woken` when it has begun to listen, and then for every notification; returns when the connection is lost. Dropping the future
    /// closes it.
    pub async fn listen(&self, woken: impl Fn()) -> Result<(), Error> {
        let (config, tls) = pool::config(&self.options)?;
        let connecting = tokio::time::timeout(PATIENCE, config.connect(tls));
        let (client, connection) = connecting
            .await
            .map_err(|_elapsed| Error::Unavailable(": no answer in time".to_owned()))??;
        let begin = begin(client, self.channel);
        let serve = serve(connection, &woken);
        tokio::pin!(begin, serve);
        // The client is held for as long as the connection is served: without it, that would end.
        let _client = tokio::select! {
            client = &mut begin => client?,
            lost = &mut serve => return lost,
        };
        woken();
        serve.await
    }
}

async fn begin(client: Client, channel: &str) -> Result<Client, Error> {
    // A name cannot be a parameter here; this one is a constant of the program.
    client.batch_execute(&format!("LISTEN {channel}")).await?;
    Ok(client)
}

async fn serve<S, T>(mut connection: Connection<S, T>, woken: &impl Fn()) -> Result<(), Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: TlsStream + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        if matches!(message?, AsyncMessage::Notification(_)) {
            woken();
        }
    }
    Ok(())
}
