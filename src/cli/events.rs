//! `gatehouse events`: works on the database and OpenBao themselves, as what a running service says of its own trail
//! proves nothing.

use std::sync::Arc;

use anyhow::Context;
use clap::Subcommand;
use tokio_util::sync::CancellationToken;

use super::out;
use super::progress::Progress;
use crate::config::{self, Env};
use crate::db::Pool;
use crate::events::chain::{self, Found};
use crate::types::{Namespace, VendorId};
use crate::vault::{AppToken, Connection};
use crate::vendors;

/// What to do.
#[derive(Subcommand)]
pub enum Args {
    /// Prove that no event was changed or removed, or find the first that was
    ///
    /// Goes over every block, event and checkpoint, and compares with the checkpoint that OpenBao remembers. The exit
    /// status is 0 where all is whole and 1 where something is not.
    #[command(after_help = super::EVENTS_HELP)]
    Verify {
        /// Only the chain of the vendor of this namespace (and the checkpoints)
        #[arg(long)]
        vendor: Option<String>,
    },
}

/// Runs it.
///
/// # Errors
/// Where something is wrong with the trail, or OpenBao or the database does not answer.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let Args::Verify { vendor } = args;
    let env = Env::process();
    let pool = Pool::new(&config::db_settings(&env)?)?;
    let connection = Connection::new(&config::server(&env)?)?;
    let issuer = AppToken::new("issuer", config::issuer_source(&env)?, connection);
    // It only reads here.
    issuer.allow_unfit();
    let only = match vendor {
        Some(namespace) => Some(vendor_of(&pool, &namespace).await?),
        None => None,
    };
    let stop = CancellationToken::new();
    let keeper = tokio::spawn(Arc::clone(&issuer).keep(stop.clone()));
    let progress = Progress::of_work("Going over the trail");
    let found = chain::verify(&pool, &issuer, only).await;
    drop(progress);
    stop.cancel();
    keeper.await.ok();
    let found = found.context("the trail could not be gone over")?;
    if out::is_json() {
        let mut value = serde_json::to_value(&found)?;
        value["whole"] = found.is_whole().into();
        out::json(&value)?;
    } else {
        say(&found)?;
    }
    anyhow::ensure!(found.is_whole(), "the trail is not whole");
    Ok(())
}

async fn vendor_of(pool: &Pool, namespace: &str) -> anyhow::Result<VendorId> {
    let namespace = Namespace::parse(namespace)?;
    let client = pool.all().await?;
    vendors::store::id_of(&client, &namespace)
        .await?
        .with_context(|| format!("there is no vendor {namespace}"))
}

fn say(found: &Found) -> anyhow::Result<()> {
    if let Some(first) = &found.first {
        out::line(&format!("First: {first}"))?;
        for place in &found.others {
            out::line(&format!("Also: {place}"))?;
        }
    }
    out::line(&format!(
        "Gone over: {} chains, {} blocks, {} checkpoints.",
        found.chains, found.blocks, found.checkpoints
    ))?;
    out::line(&format!(
        "Events as they were chained: {}; removed by retention: {}; in blocks that no checkpoint covers yet: {}; waiting \
         to be chained: {}.",
        found.events, found.removed, found.unsigned, found.waiting
    ))?;
    for chain in &found.removed_before {
        let whose = match (&chain.namespace, chain.vendor_id) {
            (Some(namespace), _) => format!("vendor {namespace}"),
            (None, 0) => "no vendor".to_owned(),
            (None, id) => format!("vendor number {id}"),
        };
        let before = chain
            .removed_before
            .map_or_else(|| "a time that is none".to_owned(), |at| at.to_string());
        out::line(&format!(
            "Retention removed events of {whose} before {before}."
        ))?;
    }
    match found.last_checkpoint_at {
        Some(at) => out::line(&format!("The last checkpoint was signed at {at}."))?,
        None => out::line("Nothing was signed yet.")?,
    }
    match found.remembered {
        Some(number) => out::line(&format!("OpenBao remembers checkpoint {number}.")),
        None => {
            out::line("OpenBao remembers no checkpoint yet: a cut of the end could not be seen.")
        }
    }
}
