//! Names of workers.

use std::fmt;

use super::Namespace;

/// Names a worker: random, and so its names tell nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerId(pub i64);

impl fmt::Display for WorkerId {
    /// The middle of its policy's name and the beginning of its log-in name: `w` and 16 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "w{:016x}", self.0)
    }
}

impl WorkerId {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('w').filter(|rest| rest.len() == 16)?;
        let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if !digits.bytes().all(lower) {
            return None;
        }
        i64::from_str_radix(digits, 16).ok().map(Self)
    }
}

/// The name a worker logs in with, made by the service: `w0123456789abcdef@<namespace>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerLogin {
    /// Which worker.
    pub id: WorkerId,
    /// Whose.
    pub namespace: Namespace,
}

impl WorkerLogin {
    /// Reads a log-in name; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, namespace) = text.split_once('@')?;
        Some(Self {
            id: WorkerId::parse(id)?,
            namespace: Namespace::parse(namespace).ok()?,
        })
    }
}

impl fmt::Display for WorkerLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_in_names_are_read_back_or_refused() {
        let name = "w00000000000000ff@demo-vendor";
        let login = WorkerLogin::parse(name);
        assert_eq!(login.as_ref().map(|l| l.id), Some(WorkerId(255)));
        assert_eq!(login.map(|l| l.to_string()).as_deref(), Some(name));
        for bad in [
            "",
            "w@demo-vendor",
            "w00000000000000FF@demo-vendor",
            "w00000000000000ff@",
            "w00000000000000ff",
            "w00000000000000ff@demo-vendor@x",
            "wffffffffffffffff@demo-vendor",
            "x00000000000000ff@demo-vendor",
        ] {
            assert_eq!(WorkerLogin::parse(bad), None, "{bad}");
        }
    }
}
