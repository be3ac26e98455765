//! LISTEN on a connection of its own, with a heartbeat that proves nothing was missed.

use std::time::Duration;

use futures_util::stream::poll_fn;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{GenericClient, Pool, Result};

const BEAT: Duration = Duration::from_millis(250);
const BEAT_LIMIT: Duration = Duration::from_secs(2);

/// What a listener tells.
#[derive(Debug)]
pub enum Heard {
    /// A new connection listens: whatever was known before may be out of date.
    Connected,
    /// A notification on one of the channels.
    Notification {
        /// The channel.
        channel: String,
        /// Its text.
        payload: String,
    },
    /// A heartbeat came back: everything committed before `sent` was told before this.
    Beat {
        /// When the heartbeat was sent.
        sent: std::time::Instant,
    },
}

/// Tells everybody who listens, when the transaction is committed.
///
/// # Errors
/// Where the database does not answer.
pub async fn tell(client: &impl GenericClient, channel: &str, payload: &str) -> Result<()> {
    client
        .execute("SELECT pg_notify($1, $2)", &[&channel, &payload])
        .await?;
    Ok(())
}

pub(super) struct Dedicated {
    client: Client,
    messages: mpsc::UnboundedReceiver<AsyncMessage>,
}

impl Dedicated {
    pub async fn connect(
        config: &tokio_postgres::Config,
        tls: Option<&MakeRustlsConnect>,
    ) -> Result<Self> {
        let (tell, messages) = mpsc::unbounded_channel();
        let client = if let Some(tls) = tls {
            let (client, mut connection) = config.connect(tls.clone()).await?;
            tokio::spawn(forward(
                poll_fn(move |cx| connection.poll_message(cx)),
                tell,
            ));
            client
        } else {
            let (client, mut connection) = config.connect(NoTls).await?;
            tokio::spawn(forward(
                poll_fn(move |cx| connection.poll_message(cx)),
                tell,
            ));
            client
        };
        Ok(Self { client, messages })
    }
}

/// Drives the connection until it ends; its messages go to the listener.
async fn forward<S>(stream: S, tell: mpsc::UnboundedSender<AsyncMessage>)
where
    S: futures_util::Stream<Item = std::result::Result<AsyncMessage, tokio_postgres::Error>>,
{
    let mut stream = std::pin::pin!(stream);
    while let Some(Ok(message)) = stream.next().await {
        if tell.send(message).is_err() {
            return;
        }
    }
}

/// Listens on `channels` until the connection fails, telling `hear` of everything in order.
///
/// # Errors
/// With what ended the connection. The caller connects again, after a pause of its own choice.
pub async fn listen<F>(pool: &Pool, channels: &[&str], hear: impl Fn(Heard) -> F) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    let Dedicated {
        client,
        mut messages,
    } = pool.dedicated().await?;
    let beat_channel = format!("gatehouse_beat_{}", uuid::Uuid::now_v7().simple());
    for channel in channels.iter().chain([&beat_channel.as_str()]) {
        client.batch_execute(&format!("LISTEN {channel}")).await?;
    }
    hear(Heard::Connected).await?;
    loop {
        let sent = std::time::Instant::now();
        let notify = format!("NOTIFY {beat_channel}");
        let beat = client.batch_execute(&notify);
        match tokio::time::timeout(BEAT_LIMIT, beat).await {
            Ok(done) => done?,
            Err(_) => return Ok(()),
        }
        let deadline = tokio::time::sleep(BEAT_LIMIT);
        tokio::pin!(deadline);
        loop {
            let message = tokio::select! {
                message = messages.recv() => message,
                () = &mut deadline => return Ok(()),
            };
            let Some(message) = message else {
                return Ok(());
            };
            let AsyncMessage::Notification(told) = message else {
                continue;
            };
            if told.channel() == beat_channel {
                hear(Heard::Beat { sent }).await?;
                break;
            }
            hear(Heard::Notification {
                channel: told.channel().to_owned(),
                payload: told.payload().to_owned(),
            })
            .await?;
        }
        let mut pause = std::pin::pin!(tokio::time::sleep(BEAT).fuse());
        loop {
            tokio::select! {
                () = &mut pause => break,
                message = messages.recv() => match message {
                    None => return Ok(()),
                    Some(AsyncMessage::Notification(told)) => {
                        hear(Heard::Notification { channel: told.channel().to_owned(), payload: told.payload().to_owned() }).await?;
                    }
                    Some(_) => {}
                },
            }
        }
    }
}
