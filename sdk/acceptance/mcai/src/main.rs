//! Reads an ftp and an s3 credential of Gatehouse with the unmodified SDK of the media workers, through its two stores.
//!
//! usage: `mcai-acceptance FTP-KEY S3-KEY`, with `VAULT_HOSTNAME` and `VAULT_TOKEN`, and with `BACKEND_HOSTNAME`,
//! `BACKEND_USERNAME` and `BACKEND_PASSWORD`. It prints one JSON object, and fails when a read fails, when the two
//! stores disagree, when `port` is no number, or when a default is missing. What it prints holds the secrets.

use std::io::Write;

use anyhow::{Context, bail, ensure};
use mcai_worker_sdk::parameter::store::request_value;
use serde_json::{Value, json};

const STORES: [&str; 2] = ["VAULT", "BACKEND"];

fn main() -> anyhow::Result<()> {
    let keys: Vec<String> = std::env::args().skip(1).collect();
    let [ftp_key, s3_key] = keys.as_slice() else {
        bail!("usage: mcai-acceptance FTP-KEY S3-KEY");
    };
    let ftp = agreed(ftp_key)?;
    has_defaults(
        &ftp,
        &json!({"type": "ftp", "secure": false, "username": null, "password": null}),
    )?;
    let port = ftp.get("port").and_then(Value::as_u64);
    let port = port.context("ftp: port is no number")?;
    ensure!((1..=65535).contains(&port), "ftp: port is not 1 to 65535");
    let s3 = agreed(s3_key)?;
    has_defaults(
        &s3,
        &json!({"type": "s3", "hostname": null, "region": "us-east-1"}),
    )?;
    for field in ["access_key_id", "secret_access_key"] {
        ensure!(
            s3.get(field).is_some_and(Value::is_string),
            "s3: {field} is no text"
        );
    }
    writeln!(std::io::stdout(), "{}", json!({ "ftp": ftp, "s3": s3 }))?;
    Ok(())
}

/// The credential, as both stores give it.
fn agreed(key: &str) -> anyhow::Result<Value> {
    let [vault, backend] = STORES.map(|store| {
        request_value(key, store)
            .map_err(|error| anyhow::anyhow!("{key} cannot be read from {store}: {error:?}"))
    });
    let (vault, backend) = (vault?, backend?);
    ensure!(vault == backend, "{key}: the two stores disagree");
    ensure!(vault.is_object(), "{key} is no object");
    Ok(vault)
}

/// Whether each field is there, and of the kind that its default is of.
fn has_defaults(credential: &Value, defaults: &Value) -> anyhow::Result<()> {
    let defaults = defaults.as_object().context("no object")?;
    for (name, default) in defaults {
        let kind = defaults
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let found = credential.get(name);
        let found = found.with_context(|| format!("{kind}: the default of {name} is missing"))?;
        let fits = match default {
            Value::Null => found.is_null() || found.is_string(),
            Value::Bool(_) => found.is_boolean(),
            _ if name == "type" => found == default,
            _ => found.is_string(),
        };
        ensure!(fits, "{kind}: {name} is of another type");
    }
    Ok(())
}
