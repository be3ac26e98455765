//! `gatehouse vendor repair`.

use reqwest::Method;
use serde_json::Value;

use crate::cli::out;
use crate::cli::paging::Paging;
use crate::cli::progress::Progress;
use crate::cli::remote::Remote;
use crate::types::Namespace;

/// Repairs one vendor or, one after the other, all.
///
/// # Errors
/// What the service says; in the end, where something is not as it should be.
pub async fn run(remote: &Remote, one: Option<&Namespace>, dry_run: bool) -> anyhow::Result<()> {
    let method = if dry_run { Method::GET } else { Method::POST };
    let repaired = async |namespace: &str| {
        let path = format!("/api/admin/vendors/{namespace}/repair");
        remote.call(method.clone(), &path, None).await
    };
    let is_whole = |answer: &Value| answer["whole"].as_bool().unwrap_or(false);
    if let Some(namespace) = one {
        let answer = repaired(namespace.as_str()).await?;
        out::answer(&answer)?;
        anyhow::ensure!(is_whole(&answer), "something is not as it should be");
        return Ok(());
    }
    let progress = Progress::of_work("Looking");
    let (mut cursor, mut left) = (None::<String>, 0);
    let mut done = 0_usize;
    loop {
        let page = Paging { limit: 100, cursor };
        let path = page.of("/api/admin/vendors");
        let page = remote.call(Method::GET, &path, None).await?;
        for vendor in page["items"].as_array().into_iter().flatten() {
            if vendor["status"] == "cancelled" {
                continue;
            }
            let namespace = vendor["namespace"].as_str().unwrap_or_default();
            progress.say(&format!(
                "{namespace}; {done} vendors done, {left} not whole;"
            ));
            match repaired(namespace).await {
                Ok(answer) => {
                    left += u32::from(!is_whole(&answer));
                    progress.beside(|| out::line(&answer.to_string()))?;
                }
                Err(error) => {
                    left += 1;
                    progress.beside(|| out::note(&format!("{namespace}: {error:#}")));
                }
            }
            done += 1;
        }
        cursor = page["nextCursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    anyhow::ensure!(
        left == 0,
        "of {left} vendors something is not as it should be"
    );
    Ok(())
}
