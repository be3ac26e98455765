//! `gatehouse api`: any call of the API, by whoever holds the token.

use anyhow::Context;
use clap::ValueEnum;
use serde_json::Value;

use super::out;
use super::remote::{Remote, input};

/// A call.
#[derive(clap::Args)]
pub struct Args {
    /// Its method
    #[arg(value_enum, ignore_case = true)]
    method: Method,
    /// Its path, with a query where it takes one: /api/credentials?limit=10
    #[arg(value_parser = path)]
    path: String,
    /// A file with the JSON body; - is standard input
    #[arg(long, value_name = "FILE")]
    data: Option<std::path::PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl From<Method> for reqwest::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Get => Self::GET,
            Method::Post => Self::POST,
            Method::Put => Self::PUT,
            Method::Patch => Self::PATCH,
            Method::Delete => Self::DELETE,
        }
    }
}

fn path(text: &str) -> Result<String, String> {
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
    let climbs = text.split(['/', '?']).any(|part| part == "..");
    if text.starts_with('/') && !text.starts_with("//") && plain && !climbs {
        Ok(text.to_owned())
    } else {
        Err("must be a path that begins with /, percent-encoded where needed".to_owned())
    }
}

/// Runs it.
///
/// # Errors
/// What the service says.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let body: Option<Value> = match &args.data {
        Some(file) => {
            let text = input(file)?;
            Some(serde_json::from_str(&text).context("the body is no JSON")?)
        }
        None => None,
    };
    let remote = Remote::of_caller()?;
    let answer = remote.call(args.method.into(), &args.path, body.as_ref());
    out::answer(&answer.await?)
}
