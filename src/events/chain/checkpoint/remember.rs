//! The newest checkpoint in OpenBao, where whoever changes the database cannot reach it.

use serde::{Deserialize, Serialize};

use super::super::MARK_NAME;
use super::store;
use crate::app::App;
use crate::error::Result;
use crate::vault::{AppToken, Error, kv};

/// Which checkpoint OpenBao remembers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Its number.
    pub number: i64,
    /// Its hash, in hexadecimal digits.
    pub hash: String,
}

/// What OpenBao remembers, and in which version.
///
/// # Errors
/// Where OpenBao does not answer.
pub async fn mark(issuer: &AppToken) -> Result<Option<(Mark, u32)>> {
    Ok(issuer
        .call(|handle| async move { kv::read_note(&handle, MARK_NAME).await })
        .await?)
}

/// Has OpenBao remember the newest checkpoint, and gives its number; `None` where there is nothing new, or another
/// replica was faster. A checkpoint that OpenBao remembers and the database does not have is reported, and stays
/// remembered.
///
/// # Errors
/// Where OpenBao or the database does not answer.
pub async fn remember(app: &App) -> Result<Option<i64>> {
    let issuer = &app.vault.issuer;
    // First what OpenBao remembers: the database is never behind that.
    let known = mark(issuer).await?;
    let client = app.db.all().await?;
    app.notary
        .note_mark(known.as_ref().map(|(mark, _)| mark.clone()));
    let mut version = 0;
    if let Some((mark, _)) = &known
        && !store::has(&client, mark).await?
    {
        report_cut(app, mark);
        return Ok(None);
    }
    let Some((number, hash)) = store::newest(&client).await? else {
        return Ok(None);
    };
    if let Some((mark, held)) = &known {
        if mark.number >= number {
            return Ok(None);
        }
        version = *held;
    }
    drop(client);
    let new = Mark {
        number,
        hash: hex::encode(hash),
    };
    let new = &new;
    let written = issuer
        .call(|handle| async move { kv::write_note(&handle, MARK_NAME, new, version).await })
        .await;
    match written {
        Ok(()) => {
            app.notary.note_mark(Some(new.clone()));
            Ok(Some(number))
        }
        Err(Error::VersionMoved) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Says that a checkpoint was lost, once a minute.
pub(super) fn report_cut(app: &App, mark: &Mark) {
    if !app.notary.is_news("event_checkpoint_lost", mark.number) {
        return;
    }
    metrics::counter!("gatehouse_alarms_total", "alarm" => "event_checkpoint_lost").increment(1);
    tracing::error!(
        checkpoint.number = mark.number,
        "OpenBao remembers a checkpoint of the trail that the database does not have: the trail was cut, or an old \
         backup was restored. Run `gatehouse events verify`"
    );
}
