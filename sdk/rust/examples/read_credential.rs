//! Reads a credential through Gatehouse and straight from OpenBao, and says what it is without its secrets.
//!
//! `. .gatehouse/dev.env && cargo run --example read_credential -- KEY`

use std::error::Error;
use std::io::Write;

use gatehouse_client::{Gatehouse, Login, Settings, TokenRequest, Vault};

fn main() -> Result<(), Box<dyn Error>> {
    let key = std::env::args()
        .nth(1)
        .ok_or("usage: read_credential KEY")?;
    let email = std::env::var("DEMO_WORKER_EMAIL")?;
    let login = Login::worker(&email, std::env::var("DEMO_WORKER_PASSWORD")?);
    let url = std::env::var("GATEHOUSE_URL")?;
    let gatehouse = Gatehouse::new(&url, login, Settings::default())?;
    let mut out = std::io::stdout();

    writeln!(
        out,
        "through Gatehouse: {:?}",
        gatehouse.read_credential(&key)?
    )?;

    let vault = Vault::through(&gatehouse, TokenRequest::default())?;
    writeln!(
        out,
        "straight from OpenBao: {:?}",
        vault.read_credential(&key)?
    )?;
    vault.close()?;
    Ok(())
}
