//! Secret ids that come wrapped: the environment holds a token that can be exchanged for the secret id once, so whoever
//! reads it later has nothing, and whoever was faster is noticed.

use serde::Deserialize;
use tokio::sync::OnceCell;

use super::call::Call;
use super::client::Connection;
use super::{Error, Result, Unfit};
use crate::types::Secret;

/// A secret id of an AppRole of ours, wrapped until it is needed first, and held in memory from then on.
pub struct WrappedSecretId {
    token_name: &'static str,
    wrapping: Secret,
    opened: OnceCell<Secret>,
}

impl WrappedSecretId {
    /// The secret id of the app token of that name, by its wrapping token.
    #[must_use]
    pub fn new(token_name: &'static str, wrapping: Secret) -> Self {
        Self {
            token_name,
            wrapping,
            opened: OnceCell::new(),
        }
    }

    /// Looks whether it was left alone: nobody unwrapped it, and what is in it was made by our AppRole. It is not used
    /// up by that.
    ///
    /// # Errors
    /// [`Error::Unfit`] where it was not; where OpenBao does not answer.
    pub async fn check(&self, connection: &Connection) -> Result<()> {
        #[derive(Deserialize)]
        struct Wrapping {
            creation_path: String,
        }
        let body = serde_json::json!({ "token": self.wrapping.expose() });
        let looked = connection
            .anonymous()
            .send::<Wrapping>(Call::post("sys/wrapping/lookup", &body))
            .await;
        let found = looked.map_err(spent)?.into_data()?;
        let ours = format!("auth/approle/role/gatehouse-{}/secret-id", self.token_name);
        if found.creation_path == ours {
            Ok(())
        } else {
            Err(Unfit::Exchanged(self.token_name).into())
        }
    }

    /// The secret id: unwrapped at the first call, after a look.
    ///
    /// # Errors
    /// [`Error::Unfit`] where somebody else unwrapped or exchanged it; where OpenBao does not answer.
    pub async fn open(&self, connection: &Connection) -> Result<&Secret> {
        #[derive(Deserialize)]
        struct Inside {
            secret_id: Secret,
        }
        let unwrap = async || {
            self.check(connection).await?;
            let answer = connection
                .with_token(&self.wrapping)
                .send::<Inside>(Call::post("sys/wrapping/unwrap", &serde_json::json!({})))
                .await;
            Ok(answer.map_err(spent)?.into_data()?.secret_id)
        };
        self.opened.get_or_try_init(unwrap).await
    }
}

/// OpenBao knows a wrapping token no more once it was used or its time is over.
fn spent(error: Error) -> Error {
    match error {
        Error::Rejected(_) | Error::Denied(_) | Error::NotFound => Unfit::Spent.into(),
        other => other,
    }
}
