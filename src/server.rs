//! The listener, the order of middleware, the background work, and the way down.
//!
//! On the way down `/readyz` turns at once; after a pause, in which the load balancer notices, no connection is taken
//! any more, requests in flight are answered, detached work ends, the ledger's queue is written, the end of
//! the trail is signed, and only then the process ends.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App as ActixApp, HttpServer, web};
use tokio_util::sync::CancellationToken;
use tracing_actix_web::TracingLogger;

use crate::app::{App, StartError};
use crate::config::Config;
use crate::error::cause_chain;
use crate::events::chain;
use crate::events::http::keep_refusals;
use crate::events::refused;
use crate::http::{harden, head_limit, limit, time_limit, tls};
use crate::tasks::TASKS;
use crate::telemetry::{RequestSpan, levels, with_request_id};
use crate::vault::Vault;
use crate::vendors::keys::uses;
use crate::{access_logs, lockbox, oauth, routes, telemetry};

const DRAIN_SECONDS: u64 = 15;
/// For what can be lost.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// A service that runs.
pub struct Running {
    /// Where it listens: the real port, where 0 was asked for.
    pub address: SocketAddr,
    /// What it runs on.
    pub app: Arc<App>,
    server: ServerHandle,
    drained: CancellationToken,
    ended: tokio::task::JoinHandle<std::io::Result<()>>,
    writer: tokio::task::JoinHandle<()>,
}

/// Starts the service. It listens at once; until OpenBao and PostgreSQL are there it answers 503.
///
/// # Errors
/// Where a setting cannot be used, the address is taken, or an app token is one that the service does not run with.
pub async fn start(config: Config) -> Result<Running, StartError> {
    telemetry::metrics();
    let listen = config.http.listen;
    let listener = TcpListener::bind(listen).map_err(|e| StartError::Listen(listen, e))?;
    let address = listener
        .local_addr()
        .map_err(|e| StartError::Listen(listen, e))?;
    let files = config.http.tls.clone();
    let certificate = files.map(tls::Served::read).transpose()?.map(Arc::new);
    let app = App::new(config)?;
    keep_tokens(&app);
    refuse_unfit(&app).await?;
    let drained = CancellationToken::new();
    let writer = {
        let (app, drained) = (Arc::clone(&app), drained.clone());
        tokio::spawn(async move {
            let ledger_app = Arc::clone(&app);
            app.ledger.run(ledger_app, drained).await;
        })
    };
    spawn_background(&app);
    if let Some(certificate) = &certificate {
        let (served, stop) = (Arc::clone(certificate), app.stop.clone());
        supervised(
            &app,
            "certificate",
            async move { served.follow(&stop).await },
        );
    }
    let data = web::Data::from(Arc::clone(&app));
    let server = HttpServer::new(move || {
        // The last one wrapped is the first to see a request.
        ActixApp::new()
            .app_data(data.clone())
            .configure(routes::configure)
            .wrap(from_fn(time_limit))
            .wrap(from_fn(head_limit))
            .wrap(from_fn(limit::by_address))
            .wrap(from_fn(keep_refusals))
            .wrap(from_fn(with_request_id))
            .wrap(from_fn(harden))
            .wrap(TracingLogger::<RequestSpan>::new())
    })
    .workers(std::thread::available_parallelism().map_or(2, std::num::NonZero::get))
    .client_request_timeout(Duration::from_secs(5))
    .client_disconnect_timeout(Duration::from_secs(2))
    .shutdown_timeout(DRAIN_SECONDS)
    .tls_handshake_timeout(Duration::from_secs(5))
    .disable_signals();
    let server = match certificate {
        Some(files) => server.listen_rustls_0_23(listener, tls::server_config(files)?),
        None => server.listen(listener),
    };
    let server = server.map_err(|e| StartError::Listen(listen, e))?.run();
    let handle = server.handle();
    let ended = tokio::spawn(server);
    tracing::info!(%address, scheme = app.config.http.scheme(), "Listening");
    Ok(Running {
        address,
        app,
        server: handle,
        drained,
        ended,
        writer,
    })
}

impl Running {
    /// Serves until `stop`, then goes down gracefully.
    ///
    /// # Errors
    /// Where a part of the service ended by surprise; the log says which.
    pub async fn until(self, stop: impl Future<Output = ()>) -> Result<(), StartError> {
        let surprised = tokio::select! {
            () = stop => false,
            () = self.app.stop.cancelled() => true,
        };
        tracing::info!(surprised, "Stopping");
        self.stop().await;
        if surprised {
            Err(StartError::EndedBySurprise)
        } else {
            Ok(())
        }
    }

    /// Lets whoever sends requests here notice, answers what is in flight, ends what was begun, and stops.
    pub async fn stop(self) {
        self.app.draining.cancel();
        if !self.app.stop.is_cancelled() {
            tokio::time::sleep(self.app.config.http.stop_delay).await;
        }
        self.server.stop(true).await;
        self.ended.await.ok();
        self.app.tracker.close();
        let limit = Duration::from_secs(DRAIN_SECONDS);
        if tokio::time::timeout(limit, self.app.tracker.wait())
            .await
            .is_err()
        {
            tracing::error!("Work was still going on at the end of the time to stop");
        }
        if let Ok(Err(error)) = tokio::time::timeout(STOP_LIMIT, refused::tell(&self.app)).await {
            tracing::warn!(error.cause = %cause_chain(&error), "Counted refusals could not be put on record");
        }
        if let Ok(Err(error)) = tokio::time::timeout(STOP_LIMIT, uses::keep(&self.app)).await {
            tracing::warn!(error.cause = %cause_chain(&error), "When keys were last shown could not be kept");
        }
        self.app.stop.cancel();
        self.drained.cancel();
        if tokio::time::timeout(limit, self.writer).await.is_err() {
            tracing::error!("The ledger could not be written to its end");
        }
        chain::finish(&self.app).await;
        tracing::info!("Stopped");
    }
}

/// A keeper for each app token.
fn keep_tokens(app: &Arc<App>) {
    for token in app.vault.app_tokens() {
        if app.config.trial {
            token.allow_unfit();
        }
        let (token, stop) = (Arc::clone(token), app.stop.clone());
        supervised(app, "keeper", token.keep(stop));
    }
}

/// Waits a little for the tokens, and refuses to go on with one that may do too much or never ends, unless this is a
/// trial, or whose wrapped secret id is gone. Where OpenBao is not there yet, the service starts; such a token that comes later is not used.
async fn refuse_unfit(app: &App) -> Result<(), StartError> {
    for _ in 0..40 {
        if app
            .vault
            .app_tokens()
            .iter()
            .all(|token| token.remaining().is_some() || token.unfit().is_some())
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for token in app.vault.app_tokens() {
        if let Some(why) = token.unfit() {
            app.stop.cancel();
            let name = token.name();
            return Err(StartError::AppToken { name, why });
        }
    }
    Ok(())
}

fn spawn_background(app: &Arc<App>) {
    let follower = Arc::clone(app);
    supervised(app, "directory", async move {
        follower
            .directory
            .follow(
                &follower.db,
                &follower.stop,
                |channel, payload| match channel {
                    oauth::keys::CHANNEL => follower.token_keys.wake.notify_one(),
                    levels::CHANNEL => levels::told(&follower, payload),
                    _ => follower.lockboxes.wake.notify_one(),
                },
            )
            .await;
    });
    let starter = Arc::clone(app);
    tokio::spawn(async move { become_ready(&starter).await });
    let housekeeper = Arc::clone(app);
    supervised(app, "housekeeping", async move {
        keep_house(&housekeeper).await;
    });
    let token_keys = oauth::keys::follow(Arc::clone(app));
    supervised(app, "token keys", token_keys);
    let lockboxes = lockbox::follow::follow(Arc::clone(app));
    supervised(app, "lockboxes", lockboxes);
    if let Some(settings) = app.config.audit.clone() {
        let shipping = access_logs::ship(app.db.clone(), settings, app.stop.clone());
        supervised(app, "audit log", shipping);
    }
    for task in TASKS {
        supervised(app, task.name, task.run(Arc::clone(app)));
    }
}

/// Runs a part of the service that only ends when the service stops. One that ends before takes the service down.
fn supervised(app: &Arc<App>, name: &'static str, part: impl Future<Output = ()> + Send + 'static) {
    let stop = app.stop.clone();
    let part = tokio::spawn(part);
    tokio::spawn(async move {
        let ended = part.await;
        if !stop.is_cancelled() {
            let panicked = ended.is_err();
            tracing::error!(
                part = name,
                panicked,
                "A part of the service has ended by surprise"
            );
            stop.cancel();
        }
    });
}

/// Reads the service's keys and checks its rights, as soon as OpenBao is there.
async fn become_ready(app: &App) {
    while !app.stop.is_cancelled() {
        match app.load_keys().await {
            Ok(true) => return report_missing_rights(&app.vault).await,
            Ok(false) => {
                tracing::error!("OpenBao holds no key of this service: run `gatehouse bootstrap`");
            }
            Err(error) => {
                tracing::warn!(error.cause = %cause_chain(&error), "The service's keys cannot be read yet");
            }
        }
        tokio::select! {
            () = app.stop.cancelled() => {}
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
        }
    }
}

async fn report_missing_rights(vault: &Vault) {
    for (name, need) in crate::vault::rights::missing(vault).await {
        tracing::error!(
            app_token.name = name,
            path = need.path,
            capability = need.capability,
            "The app token lacks a right: grant {}",
            need.grant().map(|grant| grant.line).unwrap_or_default()
        );
    }
}

async fn keep_house(app: &App) {
    let mut every = tokio::time::interval(Duration::from_secs(30));
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return,
            _ = every.tick() => {}
        }
        app.limits.tidy();
        app.brokered.tidy();
        app.directory.tidy(app.clock.now());
        if let Some(metrics) = telemetry::metrics() {
            metrics.run_upkeep();
        }
    }
}
