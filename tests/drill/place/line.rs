//! A pipe of our own to a server, by which replies get lost and everything stands still.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to what passes.
#[derive(Clone, Copy, PartialEq)]
pub enum Mode {
    /// It passes.
    Open,
    /// It waits, in both directions.
    Held,
    /// So many in a hundred answers are lost, with their connection.
    Lossy(u8),
}

#[derive(Clone)]
struct State {
    /// `host:port`; new connections go to one after the other.
    servers: Vec<String>,
    mode: Mode,
}

/// The pipe.
pub struct Line {
    /// `127.0.0.1:<port>`.
    pub address: String,
    state: Arc<watch::Sender<State>>,
}

impl Line {
    /// An open one to a server.
    pub async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(watch::Sender::new(State {
            servers: vec![server.to_owned()],
            mode: Mode::Open,
        }));
        let shared = Arc::clone(&state);
        let next = AtomicUsize::new(0);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let servers = shared.borrow().servers.clone();
                let server = servers[next.fetch_add(1, Ordering::Relaxed) % servers.len()].clone();
                tokio::spawn(pass_on(client, server, shared.subscribe()));
            }
        });
        Self { address, state }
    }

    /// Where new connections go; those that are stay.
    pub fn aim(&self, servers: &[String]) {
        self.state.send_if_modified(|state| {
            let changes = state.servers != servers;
            servers.clone_into(&mut state.servers);
            changes
        });
    }

    /// What happens from now on.
    pub fn set(&self, mode: Mode) {
        self.state.send_modify(|state| state.mode = mode);
    }
}

async fn pass_on(client: TcpStream, server: String, state: watch::Receiver<State>) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    client.set_nodelay(true).ok();
    server.set_nodelay(true).ok();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = one_way(from_client, to_server, state.clone(), false) => {}
        () = one_way(from_server, to_client, state, true) => {}
    }
}

async fn one_way(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<State>,
    is_answer: bool,
) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let Ok(size @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        let now = state.wait_for(|state| state.mode != Mode::Held).await;
        let Ok(mode) = now.map(|state| state.mode) else {
            return;
        };
        if let Mode::Lossy(percent) = mode
            && is_answer
            && rand::random_range(0..100) < percent
        {
            return;
        }
        if to.write_all(&buffer[..size]).await.is_err() {
            return;
        }
    }
}
