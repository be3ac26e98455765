//! The commands of the pages, run in order against a service of their own.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use gatehouse::dev::tools;
use regex::Regex;
use rustix::process::Signal;
use serde_json::Value;

use super::{pages, text};
use crate::dev::Dev;
use crate::support::servers;

/// What `gatehouse dev` writes for shells.
type Env = HashMap<String, String>;

/// Stands before a block that is not run, with the reason.
const EXCUSE: &str = "<!-- not run by tests: ";
/// Where the output of a block begins.
const MARK: &str = "@@@ block ";

/// What each page with commands may take for granted: its own vendor, the vendor's keys, and what is said here.
const GIVEN: &[(&str, &str)] = &[
    ("README.md", ""),
    ("docs/billing-system.md", ""),
    ("docs/cli.md", CLI),
    ("docs/idempotency.md", ""),
    (
        "docs/oauth.md",
        "DEMO_NAMESPACE=$NAMESPACE DEMO_PRIVATE_KEY=$PRIVATE_KEY",
    ),
    ("docs/operator.md", OPERATOR),
    ("docs/plugin-developer.md", SITE),
    ("docs/quick-start.md", ""),
    ("docs/rport.md", "gatehouse vendor create acme-media"),
    ("docs/support-team.md", SUPPORT),
    ("docs/users.md", ""),
    ("docs/vault-clients.md", ""),
    ("docs/worker.md", ""),
];

/// Of every page.
const BEFORE: &str = "set -eu
random() { openssl rand -hex 16; }
";
const CLI: &str = r#"export GATEHOUSE_TOKEN=$PRIVATE_KEY
echo "{\"searchKeys\": [\"$(random)\"]}" >search.json"#;
const OPERATOR: &str =
    "export GATEHOUSE_BAO_ADDR=$BAO_ADDR GATEHOUSE_BAO_TOKEN=$BAO_ROOT_TOKEN GATEHOUSE_TRIAL=true
gatehouse vendor create media-a";
const SITE: &str = "SECRET_ID=$(random) ACCESS_KEY=$(random)";
const SUPPORT: &str = r#"ACCESS_KEY=$(random)
plugin() { curl -sS --fail-with-body -H "Authorization: Bearer $PUBLIC_KEY" -H 'Content-Type: application/json' "$@"; }
GRANT=$(plugin "$GATEHOUSE_URL/api/site" -d '{"secretId": "0123456789abcdef"}')
grant() { echo "$GRANT" | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
curl -sS --fail-with-body "$(grant vaultUrl)/v1/$(grant path)" -H "X-Vault-Token: $(grant token)" -d '{"identifier": "support-user"}'
plugin "$GATEHOUSE_URL/sites" -d "{\"secretId\": \"0123456789abcdef\", \"accessKey\": \"$ACCESS_KEY\"}""#;

/// A fenced block of a page.
struct Block {
    language: String,
    lines: Vec<String>,
    /// The last line before it that is not empty.
    before: String,
    /// Of its fence, from 1.
    line: usize,
}

/// Commands to run, and what they are to print where the page says so.
struct Step {
    commands: String,
    printed: Option<String>,
    line: usize,
}

fn blocks(page: &str) -> Vec<Block> {
    let (mut found, mut open, mut before) = (Vec::new(), None::<Block>, String::new());
    for (number, line) in page.lines().enumerate() {
        let fence = line.trim_start().strip_prefix("```");
        match (fence, open.take()) {
            (Some(_), Some(block)) => {
                before = format!("```{}", block.language);
                found.push(block);
            }
            (Some(language), None) => {
                open = Some(Block {
                    language: language.to_owned(),
                    lines: Vec::new(),
                    before: std::mem::take(&mut before),
                    line: number + 1,
                });
            }
            (None, Some(mut block)) => {
                block.lines.push(line.to_owned());
                open = Some(block);
            }
            (None, None) if line.trim().is_empty() => {}
            (None, None) => line.clone_into(&mut before),
        }
    }
    assert!(open.is_none(), "a block has no end");
    found
}

/// The steps of a page. A block of `text` right behind one of commands is what those print.
fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut is_run = false;
    for block in blocks(page) {
        if block.language == "sh" {
            is_run = !is_excused(&block.before);
            if is_run {
                steps.push(Step {
                    commands: block.lines.join("\n"),
                    printed: None,
                    line: block.line,
                });
            }
        } else if block.language == "text" && block.before == "```sh" && is_run {
            let step = steps.last_mut().unwrap();
            step.printed = Some(block.lines.join("\n"));
        }
    }
    steps
}

fn is_excused(before: &str) -> bool {
    let reason = before.trim_start().strip_prefix(EXCUSE);
    let reason = reason.and_then(|rest| rest.strip_suffix(" -->"));
    reason.is_some_and(|reason| reason.len() > 10)
}

/// Whether that was printed; `…` stands for anything.
fn is_as_said(printed: &str, said: &str) -> bool {
    let pattern = regex::escape(said.trim()).replace('…', "(?s:.*?)");
    let pattern = Regex::new(&format!("^{pattern}$")).unwrap();
    pattern.is_match(printed.trim())
}

/// A vendor of the page's own, made by the command line: what the page's shell knows of it.
fn vendor(number: usize, env: &Env) -> Result<[(&'static str, String); 3], String> {
    let namespace = format!("vendor-of-page-{number}");
    let made = Command::new(env!("CARGO_BIN_EXE_gatehouse"))
        .args(["vendor", "create", &namespace, "--json"])
        .envs(env)
        .output()
        .unwrap();
    let keys: Value = serde_json::from_slice(&made.stdout).unwrap_or_default();
    let key = |name: &str| keys[name].as_str().map(str::to_owned);
    let given = key("publicKey").zip(key("privateKey"));
    let (public, private) = given.ok_or_else(|| format!("no vendor for a page: {made:?}"))?;
    Ok([
        ("PUBLIC_KEY", public),
        ("PRIVATE_KEY", private),
        ("NAMESPACE", namespace),
    ])
}

/// A folder that looks like a clone in which `make run` runs.
fn clone(name: &str, dev: &Path) -> PathBuf {
    let folder = servers::folder(&format!("docs-{}-{name}", servers::number()));
    let programs = folder.join("target/debug");
    std::fs::create_dir_all(&programs).unwrap();
    let bao = tools::find_bao(None, Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    symlink(env!("CARGO_BIN_EXE_gatehouse"), programs.join("gatehouse")).unwrap();
    symlink(bao, programs.join("bao")).unwrap();
    symlink(dev, folder.join(".gatehouse")).unwrap();
    folder
}

/// What each step printed.
fn printed(out: &str) -> BTreeMap<usize, &str> {
    let mark = format!("\n{MARK}");
    let parts = out.split(&mark).skip(1);
    let of_step = parts.filter_map(|part| {
        let (at, rest) = part.split_once('\n')?;
        Some((at.trim().parse().ok()?, rest))
    });
    of_step.collect()
}

/// Runs steps in one shell, in a clone of their own.
fn shell(number: usize, steps: &[Step], env: &Env, dev: &Path) -> Result<Output, String> {
    let (page, given) = GIVEN[number];
    let block =
        |(at, step): (usize, &Step)| format!("\necho\necho '{MARK}{at}'\n{}\n", step.commands);
    let script: String = steps.iter().enumerate().map(block).collect();
    let folder = clone(&page.replace('/', "-"), dev);
    let path = std::env::var("PATH").unwrap();
    std::fs::write(folder.join("page.sh"), format!("{BEFORE}{given}\n{script}")).unwrap();
    let ran = Command::new("sh")
        .arg("page.sh")
        .current_dir(&folder)
        .stdin(Stdio::null())
        .envs(env)
        .envs(vendor(number, env)?)
        .env("PATH", format!("{}/target/debug:{path}", folder.display()))
        .env("no_proxy", "*")
        .output();
    Ok(ran.unwrap())
}

/// Runs the commands of a page; says what went wrong.
fn run(number: usize, env: &Env, dev: &Path) -> Result<(), String> {
    let page = GIVEN[number].0;
    let steps = steps(&text(page));
    if steps.is_empty() {
        return Err(format!("{page} has nothing to run"));
    }
    let ran = shell(number, &steps, env, dev)?;
    let out = String::from_utf8_lossy(&ran.stdout);
    let printed = printed(&out);
    if !ran.status.success() {
        let line = printed.keys().last().map_or(0, |at| steps[*at].line);
        let err = String::from_utf8_lossy(&ran.stderr);
        return Err(format!("{page}, block of line {line}: {out}\n{err}"));
    }
    for (at, step) in steps.iter().enumerate() {
        let got = printed.get(&at).copied().unwrap_or_default();
        let said = step.printed.as_deref();
        if said.is_some_and(|said| !is_as_said(got, said)) {
            let line = step.line;
            return Err(format!("{page}, block of line {line} printed:\n{got}"));
        }
    }
    Ok(())
}

#[test]
fn every_block_of_commands_is_run_or_says_why_not() {
    for page in pages() {
        let is_given = GIVEN.iter().any(|(given, _)| *given == page);
        for block in blocks(&text(&page)) {
            let at = format!("{page}, line {}", block.line);
            let language = block.language.as_str();
            assert!(
                !["", "bash", "shell", "console"].contains(&language),
                "{at}: say `sh`, or what it is"
            );
            assert!(
                language != "sh" || is_given || is_excused(&block.before),
                "{at} is not run"
            );
        }
    }
}

#[test]
fn commands_of_every_page_run_and_print_what_the_page_says() {
    let dir = servers::folder(&format!("docs-{}", servers::number()));
    let dev = Dev::start(&dir);
    let env = dev.env.clone();
    let next = AtomicUsize::new(0);
    let work = || {
        let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        let numbers = numbers.take_while(|number| *number < GIVEN.len());
        let ran = numbers.map(|number| run(number, &env, &dir));
        ran.filter_map(Result::err).collect::<Vec<String>>()
    };
    // Three at a time, as much of it is waiting.
    let faults = thread::scope(|scope| {
        let others = [scope.spawn(work), scope.spawn(work)];
        let mut faults = work();
        for other in others {
            faults.extend(other.join().unwrap());
        }
        faults
    });
    assert!(dev.end(Signal::INT).success());
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn block_that_is_neither_run_nor_excused_and_output_that_differs_are_found() {
    let page = "A\n\n```sh\nls\n```\n\n```text\na…c\n```\n\n<!-- not run by tests: it needs a network -->\n```sh\nbad\n```\n\n<!-- not run by tests:  -->\n```sh\nbad\n```\n";
    let found = steps(page);
    let run: Vec<&str> = found.iter().map(|step| step.commands.as_str()).collect();
    assert_eq!(run, ["ls", "bad"], "an excuse gives a reason");
    assert_eq!(found[0].printed.as_deref(), Some("a…c"));
    assert!(is_as_said("abbc\n", "a…c") && !is_as_said("abbd", "a…c"));
    assert!(is_as_said("a.c", "a.c") && !is_as_said("abc", "a.c"));
}
