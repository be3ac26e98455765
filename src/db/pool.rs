//! The pool of connections, with a time limit on everything.

use std::pin::Pin;
use std::time::Duration;

use deadpool_postgres::{
    Connect, Manager, ManagerConfig, Object, RecyclingMethod, Runtime, Timeouts,
};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::task::JoinHandle;
use tokio_postgres::NoTls;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Error, Result};
use crate::types::{Secret, VendorId};

const WAIT: Duration = Duration::from_secs(1);
const CREATE: Duration = Duration::from_secs(2);
const SESSION: &str =
    "-c statement_timeout=3s -c lock_timeout=2s -c idle_in_transaction_session_timeout=5s";

/// Where PostgreSQL is.
#[derive(Clone)]
pub struct Settings {
    /// `postgres://user:password@host/database?sslmode=require`.
    pub url: Secret,
    /// PEM bundle of the authorities that sign the server's certificate, for `sslmode=require`.
    pub ca_pem: Option<Vec<u8>>,
    /// Most connections of the pool: each request takes one for a moment, each task at work (a quarter as many at once)
    /// one or two. One more, outside it, listens.
    pub pool_size: usize,
}

/// The pool. Cheap to clone.
#[derive(Clone)]
pub struct Pool {
    connections: deadpool_postgres::Pool,
    config: tokio_postgres::Config,
    tls: Option<MakeRustlsConnect>,
}

impl Pool {
    /// Makes the pool; nothing is connected yet.
    ///
    /// # Errors
    /// Where the settings cannot be used.
    pub fn new(settings: &Settings) -> Result<Self> {
        let bad = |e: &dyn std::fmt::Display| Error::Settings(e.to_string());
        let mut config: tokio_postgres::Config = settings
            .url
            .expose()
            .parse()
            .map_err(|_| bad(&"not a PostgreSQL URL"))?;
        config
            .application_name("gatehouse")
            .connect_timeout(CREATE)
            .tcp_user_timeout(Duration::from_secs(8))
            .keepalives_idle(Duration::from_secs(5))
            .keepalives_interval(Duration::from_secs(2))
            .keepalives_retries(2);
        let options = config
            .get_options()
            .map_or(SESSION.to_owned(), |o| format!("{SESSION} {o}"));
        config.options(options);
        let tls = match config.get_ssl_mode() {
            SslMode::Require => Some(tls(settings.ca_pem.as_deref())?),
            _ => None,
        };
        let recycle = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let connect = OnMainRuntime {
            runtime: tokio::runtime::Handle::current(),
            tls: tls.clone(),
        };
        let manager = Manager::from_connect(config.clone(), connect, recycle);
        let timeouts = Timeouts {
            wait: Some(WAIT),
            create: Some(CREATE),
            recycle: Some(WAIT),
        };
        let connections = deadpool_postgres::Pool::builder(manager)
            .max_size(settings.pool_size)
            .timeouts(timeouts)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|e| bad(&e))?;
        Ok(Self {
            connections,
            config,
            tls,
        })
    }

    /// A connection that sees and writes the rows of this vendor, and no others: for whatever is done by one vendor or
    /// to one.
    ///
    /// # Errors
    /// Where none is free in time, or PostgreSQL is out of reach.
    pub async fn of(&self, vendor: VendorId) -> Result<Object> {
        self.between(vendor.0, vendor.0).await
    }

    /// A connection that sees and writes the rows of every vendor, and those of none: for what looks across them. What is
    /// the platform's own counts as vendor -1 where a number is needed.
    ///
    /// # Errors
    /// Where none is free in time, or PostgreSQL is out of reach.
    pub async fn all(&self) -> Result<Object> {
        self.between(-1, i64::MAX).await
    }

    /// [`Pool::of`] where a vendor is named, else [`Pool::all`].
    ///
    /// # Errors
    /// Where none is free in time, or PostgreSQL is out of reach.
    pub async fn of_or_all(&self, vendor: Option<VendorId>) -> Result<Object> {
        match vendor {
            Some(vendor) => self.of(vendor).await,
            None => self.all().await,
        }
    }

    /// Says which rows the connection may see (`migrations/V28__row_security.sql`). It is the round trip that shows
    /// whether the connection still lives, too: one that does not goes, and the next is tried.
    async fn between(&self, first: i64, last: i64) -> Result<Object> {
        let scope =
            format!("SET gatehouse.first_vendor = {first}; SET gatehouse.last_vendor = {last}");
        loop {
            let client = self.connections.get().await?;
            match tokio::time::timeout(WAIT, client.batch_execute(&scope)).await {
                Ok(Ok(())) => return Ok(client),
                // PostgreSQL answers, and says no: the next connection would hear the same.
                Ok(Err(error)) if error.as_db_error().is_some() && !client.is_closed() => {
                    return Err(error.into());
                }
                _ => drop(Object::take(client)),
            }
        }
    }

    /// A connection of its own, outside the pool: for listening.
    pub(super) async fn dedicated(&self) -> Result<super::notify::Dedicated> {
        let connecting = super::notify::Dedicated::connect(&self.config, self.tls.as_ref());
        tokio::time::timeout(CREATE, connecting)
            .await
            .unwrap_or(Err(Error::TimedOut))
    }

    /// Connections open and idle, for the metrics.
    #[must_use]
    pub fn status(&self) -> (usize, usize) {
        let status = self.connections.status();
        (status.size, status.available)
    }
}

/// Connects on the runtime the pool was made in: the threads of the web server have runtimes of their own, which end
/// before the work they began does.
struct OnMainRuntime {
    runtime: tokio::runtime::Handle,
    tls: Option<MakeRustlsConnect>,
}

type Connecting =
    std::result::Result<(tokio_postgres::Client, JoinHandle<()>), tokio_postgres::Error>;

impl Connect for OnMainRuntime {
    fn connect(
        &self,
        config: &tokio_postgres::Config,
    ) -> Pin<Box<dyn Future<Output = Connecting> + Send + '_>> {
        let (config, tls, runtime) = (config.clone(), self.tls.clone(), self.runtime.clone());
        // Limited here too: the driver's own limit ends with the TCP connection, before the log-in.
        let connecting = self.runtime.spawn(tokio::time::timeout(CREATE, async move {
            if let Some(tls) = tls {
                let (client, connection) = config.connect(tls).await?;
                Ok((client, runtime.spawn(drive(connection))))
            } else {
                let (client, connection) = config.connect(NoTls).await?;
                Ok((client, runtime.spawn(drive(connection))))
            }
        }));
        Box::pin(async move {
            match connecting.await {
                Ok(Ok(connected)) => connected,
                _ => Err(tokio_postgres::Error::__private_api_timeout()),
            }
        })
    }
}

async fn drive(connection: impl Future<Output = std::result::Result<(), tokio_postgres::Error>>) {
    if let Err(error) = connection.await {
        tracing::info!(error.cause = %error, "A connection to PostgreSQL ended");
    }
}

fn tls(ca_pem: Option<&[u8]>) -> Result<MakeRustlsConnect> {
    let pem = ca_pem.ok_or_else(|| {
        Error::Settings("sslmode=require needs the authority's certificate".to_owned())
    })?;
    let mut roots = RootCertStore::empty();
    for cert in CertificateDer::pem_slice_iter(pem) {
        let cert = cert.map_err(|e| Error::Settings(format!("authority: {e}")))?;
        roots
            .add(cert)
            .map_err(|e| Error::Settings(format!("authority: {e}")))?;
    }
    let config = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
