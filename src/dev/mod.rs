//! OpenBao and PostgreSQL as supervised children of `gatehouse dev`.
//!
//! One machine, one folder, real servers: [`tools`] finds the programs, [`postgres`] and [`openbao`] start them on
//! loopback and hand back where they listen, [`child`] keeps hold of the processes, [`folder`] of what they leave on
//! disk. Everything survives a restart, and nothing survives the parent: a child gets its stop signal when the process
//! that started it dies, even by `kill -9`.
//!
//! Nothing here reads the environment except `PATH`; the caller passes what is configured.
//!
//! # Quirks
//! - The kernel ties a child to the *thread* that spawned it. See [`child`] before starting one in a test.
//! - A port of 0 is picked by [`free_port`] and released again before the server binds it, so another program could
//!   take it in between. The server then ends at once, and the error quotes its log.
//! - After a `kill -9` the old servers need a moment to stop. A new start waits a few seconds for their port and
//!   their data before it complains.
//! - PostgreSQL's `postmaster.pid` is removed when no `postgres` process works in the folder. PostgreSQL itself only
//!   asks whether the process id in it exists, and after a crash in a container it often does.
//! - The unseal key and the root token lie beside the data they open. That is fit for development and nothing else.

pub mod child;
pub mod folder;
pub mod openbao;
pub mod postgres;
pub mod tools;

mod bao_api;
mod cluster;

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::time::{Instant, sleep};

/// How long a start waits for a server that is still stopping.
const PREDECESSOR: Duration = Duration::from_secs(10);

/// Picks a TCP port on loopback which nobody listens on at this moment.
///
/// # Errors
/// When no socket can be bound.
pub fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// The port to listen on: a free one for 0, else `port` itself once it can be bound. `setting` is named in the error.
async fn claim_port(port: u16, setting: &str) -> anyhow::Result<u16> {
    if port == 0 {
        return free_port().context("no free TCP port on 127.0.0.1");
    }
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(port),
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                return Err(error)
                    .with_context(|| format!("cannot listen on 127.0.0.1:{port} ({setting})"));
            }
            Err(_) if Instant::now() < until => sleep(Duration::from_millis(100)).await,
            Err(_) => bail!(
                "port {port} on 127.0.0.1 is taken by another program: stop it, or set {setting} to another port \
                 (0 picks a free one)"
            ),
        }
    }
}
