//! PHP, as the plugins run on it.

use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Runs a script below `tests/php/` with these lines, without any `php.ini`, and gives the lines it says.
pub async fn run(script: &str, lines: &[String]) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/php");
    let mut child = Command::new("php")
        .arg("-n")
        .arg(path.join(script))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("PHP must be there: run `make tools`");
    let mut stdin = child.stdin.take().unwrap();
    let given = lines.join("\n");
    let write = async move { stdin.write_all(given.as_bytes()).await };
    let (written, ended) = tokio::join!(write, child.wait_with_output());
    let ended = ended.unwrap();
    let complaint = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{complaint}");
    written.unwrap();
    let said = String::from_utf8(ended.stdout).unwrap();
    said.lines().map(str::to_owned).collect()
}
