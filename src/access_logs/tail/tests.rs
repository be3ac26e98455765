use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::*;

/// A log that is written to, and followed.
struct Log {
    folder: tempfile::TempDir,
    number: i64,
}

impl Log {
    fn new() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        Ok(Self { folder, number: 0 })
    }

    fn named(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn path(&self) -> PathBuf {
        self.named("audit.log")
    }

    /// Adds a line that tells a later time than those before.
    fn add(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.number += 1;
        let time = Timestamp::from_second(self.number).unwrap_or_default();
        raw(
            &self.named(name),
            &format!("{{\"time\":\"{time}\",\"{text}\"}}\n"),
        )
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.named(from), self.named(to))
    }
}

fn raw(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::options().append(true).create(true).open(path)?;
    file.write_all(text.as_bytes())
}

/// What is read.
#[derive(Debug, Default, PartialEq)]
struct Read {
    lines: String,
    lost: bool,
    broken: u64,
}

fn read(lines: &str, lost: bool, broken: u64) -> Read {
    let lines = lines.to_owned();
    Read {
        lines,
        lost,
        broken,
    }
}

/// All there is now, and the place behind it.
fn drain(tail: &mut Tail, from: &mut Position) -> io::Result<Read> {
    let mut found = Read::default();
    while let Some(batch) = tail.read_on()? {
        for line in &batch.lines {
            let text = String::from_utf8_lossy(&line.text);
            let text = text.split("\",\"").last().unwrap_or_default();
            found.lines += text.trim_end_matches("\"}");
        }
        found.lost |= batch.lost;
        found.broken += batch.broken;
        *from = batch.position(batch.end);
    }
    Ok(found)
}

/// The same of one that begins anew.
fn again(log: &Log, from: &mut Position) -> io::Result<Read> {
    drain(&mut Tail::new(log.path(), from), from)
}

#[test]
fn lines_are_read_once_through_rotations_and_restarts() -> io::Result<()> {
    let (mut log, mut at) = (Log::new()?, Position::default());
    let mut tail = Tail::new(log.path(), &at);
    assert!(
        tail.read_on()
            .is_err_and(|e| e.kind() == io::ErrorKind::NotFound)
    );
    log.add("audit.log", "a")?;
    log.add("audit.log", "b")?;
    raw(&log.path(), "hal")?;
    assert_eq!(drain(&mut tail, &mut at)?, read("ab", false, 0));
    raw(&log.path(), "f\n")?;
    // Renamed; the writer goes on in it, though the path is there again, and empty.
    log.rename("audit.log", "audit.log.1")?;
    assert_eq!(drain(&mut tail, &mut at)?, read("half", false, 0));
    raw(&log.path(), "")?;
    log.add("audit.log.1", "c")?;
    assert_eq!(drain(&mut tail, &mut at)?, read("c", false, 0));
    // While nobody read: more in the renamed file, three rotations, and the path again.
    log.add("audit.log.1", "d")?;
    log.rename("audit.log.1", "audit.log.3")?;
    for (line, number) in [("e", 2), ("f", 1)] {
        log.add("audit.log", line)?;
        log.rename("audit.log", &format!("audit.log.{number}"))?;
    }
    log.add("audit.log", "g")?;
    assert_eq!(again(&log, &mut at)?, read("defg", false, 0));
    assert_eq!(drain(&mut tail, &mut at)?, read("defg", false, 0));
    assert_eq!(again(&log, &mut at)?, read("", false, 0));
    Ok(())
}

#[test]
fn copies_laid_beside_are_not_read() -> io::Result<()> {
    let (mut log, mut at) = (Log::new()?, Position::default());
    let mut tail = Tail::new(log.path(), &at);
    log.add("audit.log", "a")?;
    assert_eq!(drain(&mut tail, &mut at)?, read("a", false, 0));
    fs::copy(log.path(), log.named("audit.log.bak"))?;
    log.add("audit.log", "b")?;
    log.rename("audit.log", "audit.log.1")?;
    fs::copy(log.named("audit.log.1"), log.named("audit.log.copy"))?;
    assert_eq!(drain(&mut tail, &mut at)?, read("b", false, 0));
    log.add("audit.log", "c")?;
    fs::copy(log.named("audit.log.1"), log.named("audit.log.again"))?;
    raw(&log.named("audit.log2"), "of another\n")?;
    raw(&log.named("audit.log.1.gz"), "packed\n")?;
    assert_eq!(drain(&mut tail, &mut at)?, read("c", false, 0));
    assert_eq!(again(&log, &mut at)?, read("", false, 0));
    Ok(())
}

#[test]
fn another_file_of_the_same_inode_is_read_from_its_beginning() -> io::Result<()> {
    let (mut log, mut at) = (Log::new()?, Position::default());
    log.add("audit.log", "a")?;
    again(&log, &mut at)?;
    // As after the file was removed, and its inode given to the next.
    File::create(log.path())?;
    for line in ["b", "c", "d"] {
        log.add("audit.log", line)?;
    }
    assert_eq!(again(&log, &mut at)?, read("bcd", true, 0));
    // By a version that did not look it is not told.
    at.head.clear();
    assert_eq!(again(&log, &mut at)?, read("", false, 0));
    Ok(())
}

#[test]
fn cut_files_are_said_even_when_they_grew_beyond_the_place() -> io::Result<()> {
    let (mut log, mut at) = (Log::new()?, Position::default());
    let mut tail = Tail::new(log.path(), &at);
    log.add("audit.log", "a")?;
    drain(&mut tail, &mut at)?;
    log.add("audit.log", "lost")?;
    let cut = |log: &Log| File::options().write(true).open(log.path())?.set_len(0);
    cut(&log)?;
    assert_eq!(drain(&mut tail, &mut at)?, read("", true, 0));
    log.add("audit.log", "b")?;
    assert_eq!(drain(&mut tail, &mut at)?, read("b", false, 0));
    cut(&log)?;
    for line in ["c", "d", "e"] {
        log.add("audit.log", line)?;
    }
    assert_eq!(drain(&mut tail, &mut at)?, read("cde", true, 0));
    // Where it was copied before, what was not read yet is in the copy.
    for restart in [false, true] {
        log.add("audit.log", "f")?;
        fs::copy(log.path(), log.named(&format!("audit.log.{restart}")))?;
        cut(&log)?;
        log.add("audit.log", "g")?;
        let found = if restart {
            again(&log, &mut at)?
        } else {
            drain(&mut tail, &mut at)?
        };
        assert_eq!(found, read("fg", true, 0), "{restart}");
    }
    Ok(())
}

#[test]
fn where_the_file_is_gone_later_ones_are_all_read() -> io::Result<()> {
    let (mut log, mut at) = (Log::new()?, Position::default());
    log.add("audit.log", "a")?;
    again(&log, &mut at)?;
    log.rename("audit.log", "audit.log.3")?;
    for (line, name) in [("b", "audit.log.2"), ("c", "audit.log.1")] {
        log.add("audit.log", line)?;
        log.rename("audit.log", name)?;
    }
    log.add("audit.log", "d")?;
    fs::remove_file(log.named("audit.log.3"))?;
    assert_eq!(again(&log, &mut at)?, read("bcd", true, 0));
    // A folder that is not there yet is not gone.
    let nowhere = log.named("later");
    let mut tail = Tail::new(nowhere.join("audit.log"), &at);
    assert!(tail.read_on().is_err());
    fs::create_dir(&nowhere)?;
    for name in ["audit.log", "audit.log.1"] {
        fs::rename(log.named(name), nowhere.join(name))?;
    }
    assert_eq!(drain(&mut tail, &mut at)?, read("", false, 0));
    Ok(())
}

#[test]
fn long_and_unended_lines_are_passed_over_and_counted() -> io::Result<()> {
    let (mut log, mut at) = (Log::new()?, Position::default());
    let mut tail = Tail::new(log.path(), &at);
    log.add("audit.log", "a")?;
    raw(&log.path(), &"x".repeat(CHUNK + 5))?;
    assert_eq!(drain(&mut tail, &mut at)?, read("a", false, 0));
    let before = at.clone();
    raw(&log.path(), &"x".repeat(CHUNK))?;
    raw(&log.path(), "\n\n\n")?;
    log.add("audit.log", "b")?;
    assert_eq!(drain(&mut tail, &mut at)?, read("b", false, 1));
    // Begun anew within the long line, it is as long.
    at = before;
    assert_eq!(again(&log, &mut at)?, read("b", false, 1));
    raw(&log.path(), "never ended")?;
    log.rename("audit.log", "audit.log.1")?;
    log.add("audit.log", "c")?;
    assert_eq!(drain(&mut tail, &mut at)?, read("c", false, 1));
    Ok(())
}

#[test]
fn a_file_that_is_out_of_sight_is_missed_until_it_is_back() -> io::Result<()> {
    let (mut log, mut at) = (Log::new()?, Position::default());
    let mut tail = Tail::new(log.path(), &at);
    log.add("audit.log", "a")?;
    drain(&mut tail, &mut at)?;
    let elsewhere = tempfile::tempdir()?;
    fs::rename(log.path(), elsewhere.path().join("x"))?;
    assert!(tail.read_on().is_err());
    raw(&elsewhere.path().join("x"), "still read\n")?;
    log.add("audit.log", "b")?;
    assert_eq!(drain(&mut tail, &mut at)?, read("still readb", false, 0));
    Ok(())
}

#[test]
fn rotated_files_are_all_read_whatever_the_clock_said() -> io::Result<()> {
    for (second, first, newest) in [(8, 9, 10), (20, 11, 5), (8, 20, 9)] {
        for names in [
            ["audit.log.2", "audit.log.1"],
            ["audit.log-20261121", "audit.log-20261122"],
        ] {
            let (mut log, mut at) = (Log::new()?, Position::default());
            log.number = 100;
            log.add("audit.log.9", "older")?;
            log.number = 10;
            log.add("audit.log", "a")?;
            assert_eq!(again(&log, &mut at)?, read("a", false, 0));
            log.rename("audit.log", names[0])?;
            log.number = second;
            log.add(names[0], "b")?;
            log.number = first;
            log.add(names[1], "c")?;
            log.number = newest;
            log.add("audit.log", "d")?;
            assert_eq!(again(&log, &mut at)?, read("bcd", false, 0), "{names:?}");
            assert_eq!(again(&log, &mut at)?, read("", false, 0));
        }
    }
    Ok(())
}

#[test]
fn file_that_was_passed_over_is_said_once() -> io::Result<()> {
    let (mut log, mut at) = (Log::new()?, Position::default());
    log.number = 50;
    log.add("audit.log", "a")?;
    again(&log, &mut at)?;
    log.rename("audit.log", "audit.log-20261123")?;
    // The clock was put back over a day.
    log.number = 0;
    log.add("audit.log-20261122", "b")?;
    log.add("audit.log", "c")?;
    assert_eq!(again(&log, &mut at)?, read("c", true, 0));
    log.rename("audit.log", "audit.log-20261124")?;
    log.add("audit.log", "d")?;
    assert_eq!(again(&log, &mut at)?, read("d", false, 0));
    Ok(())
}

#[test]
fn rotations_that_number_upwards_lose_nothing() -> io::Result<()> {
    let (mut log, mut at) = (Log::new()?, Position::default());
    log.add("audit.log", "a")?;
    again(&log, &mut at)?;
    for (number, line) in [(1, "b"), (2, "c"), (3, "d")] {
        log.rename("audit.log", &format!("audit.log.{number}"))?;
        log.add("audit.log", line)?;
    }
    assert_eq!(again(&log, &mut at)?, read("cbd", false, 0));
    assert_eq!(again(&log, &mut at)?, read("", false, 0));
    Ok(())
}

#[test]
fn excerpts_and_files_read_before_are_not_read_again() -> io::Result<()> {
    let (mut log, mut at) = (Log::new()?, Position::default());
    let mut tail = Tail::new(log.path(), &at);
    for line in ["a", "b", "c"] {
        log.add("audit.log", line)?;
    }
    drain(&mut tail, &mut at)?;
    let text = fs::read_to_string(log.path())?;
    let (_, excerpt) = text.split_once('\n').unwrap_or_default();
    raw(&log.named("audit.log.excerpt"), excerpt)?;
    log.rename("audit.log", "audit.log-20261122")?;
    log.add("audit.log", "d")?;
    assert_eq!(drain(&mut tail, &mut at)?, read("d", false, 0));
    // The clock was a year ahead when this one was rotated: it stays behind all others.
    log.rename("audit.log", "audit.log-20271122")?;
    log.add("audit.log", "e")?;
    assert_eq!(drain(&mut tail, &mut at)?, read("e", false, 0));
    for (line, name) in [("f", "audit.log-20261123"), ("g", "audit.log-20261124")] {
        log.rename("audit.log", name)?;
        log.add("audit.log", line)?;
        assert_eq!(drain(&mut tail, &mut at)?, read(line, false, 0));
    }
    assert_eq!(again(&log, &mut at)?, read("", false, 0));
    Ok(())
}

#[test]
fn log_that_was_put_back_goes_on_behind_what_was_read() -> io::Result<()> {
    let (mut log, mut at) = (Log::new()?, Position::default());
    let mut tail = Tail::new(log.path(), &at);
    log.add("audit.log", "a")?;
    drain(&mut tail, &mut at)?;
    // Written anew, as editors do.
    fs::copy(log.path(), log.named("audit.log.new"))?;
    log.rename("audit.log.new", "audit.log")?;
    log.add("audit.log", "b")?;
    assert_eq!(drain(&mut tail, &mut at)?, read("b", false, 0));
    log.rename("audit.log", "audit.log.1")?;
    log.add("audit.log", "c")?;
    assert_eq!(drain(&mut tail, &mut at)?, read("c", false, 0));
    log.rename("audit.log.1", "audit.log")?;
    log.add("audit.log", "missed")?;
    assert_eq!(drain(&mut tail, &mut at)?, read("", true, 0));
    log.add("audit.log", "d")?;
    assert_eq!(drain(&mut tail, &mut at)?, read("d", false, 0));
    Ok(())
}

#[test]
fn files_beside_it_that_may_not_be_read_stop_nothing() -> io::Result<()> {
    let (mut log, mut at) = (Log::new()?, Position::default());
    let mut tail = Tail::new(log.path(), &at);
    log.add("audit.log", "a")?;
    drain(&mut tail, &mut at)?;
    fs::copy(log.path(), log.named("audit.log.backup"))?;
    fs::set_permissions(
        log.named("audit.log.backup"),
        fs::Permissions::from_mode(0o000),
    )?;
    log.rename("audit.log", "audit.log.1")?;
    log.add("audit.log", "b")?;
    assert_eq!(drain(&mut tail, &mut at)?, read("b", false, 0));
    assert_eq!(again(&log, &mut at)?, read("", false, 0));
    Ok(())
}

#[test]
fn rotated_file_that_may_not_be_read_is_said_where_it_was_to_be_read() -> io::Result<()> {
    let mut log = Log::new()?;
    log.add("audit.log", "a")?;
    // As where the rights do not suffice: those who run tests may have all.
    let found = |ours: &[u8], closed: &[u8]| -> io::Result<Option<bool>> {
        let mut files = siblings(&log.path())?;
        files.push(Sibling {
            name: OsString::from("closed"),
            rank: Rank::of(closed),
            id: "0:0".to_owned(),
            open: None,
        });
        let later = first(files, Rank::of(ours).as_ref(), None, &[])?;
        Ok(later.map(|later| later.lost))
    };
    assert_eq!(found(b".2", b".1")?, Some(true));
    assert_eq!(found(b".2", b".3")?, Some(false));
    assert_eq!(found(b".2", b".backup")?, Some(false));
    Ok(())
}
