//! PostgreSQL.

use jiff::Timestamp;

use super::{Findings, Level, in_time};
use crate::clock::Reading;
use crate::db::{self, Facts, Pool, Role, Schema};

/// Asked only of a PostgreSQL that answers.
const FURTHER: &[&str] = &[
    "writable",
    "fsync",
    "synchronous_commit",
    "schema",
    "encryption",
    "role",
];

pub(super) async fn examine(settings: &db::Settings, trial: bool) -> (Findings, Option<Reading>) {
    let mut found = Findings::of("database");
    let asked = Timestamp::now().as_millisecond();
    let facts = match Pool::new(settings) {
        Ok(pool) => in_time(db::inspect(&pool)).await,
        Err(error) => Err(error.to_string()),
    };
    let answered = Timestamp::now().as_millisecond();
    match facts {
        Ok(facts) => {
            say(&facts, trial, &mut found);
            let reading = Reading {
                asked,
                said: facts.clock,
                answered,
                step: 1,
            };
            (found, Some(reading))
        }
        Err(why) => {
            found.say(
                Level::Fault,
                "reachable",
                format!("PostgreSQL cannot be asked: {why}"),
            );
            found.unasked(FURTHER, "PostgreSQL cannot be asked");
            (found, None)
        }
    }
}

fn say(facts: &Facts, trial: bool, found: &mut Findings) {
    let version = &facts.version;
    found.say(
        Level::Ok,
        "reachable",
        format!("PostgreSQL {version} answers"),
    );
    if facts.standby {
        found.say(
            Level::Fault,
            "writable",
            "it follows another PostgreSQL and takes no writes: name the primary in DATABASE_URL",
        );
    } else {
        found.say(Level::Ok, "writable", "it takes writes");
    }
    for (name, value, lost) in [
        ("fsync", &facts.fsync, "a crash ruins the database"),
        (
            "synchronous_commit",
            &facts.synchronous_commit,
            "a crash loses records of tokens that were handed out",
        ),
    ] {
        if value == "off" {
            found.say(Level::Fault, name, format!("{name} is off: {lost}"));
        } else {
            found.say(Level::Ok, name, format!("{name} is {value}"));
        }
    }
    let (level, says) = schema(facts.schema);
    found.say(level, "schema", says);
    if facts.private {
        found.say(
            Level::Ok,
            "encryption",
            "the connection is encrypted or stays on this machine",
        );
    } else {
        found.say(
            Level::Warning,
            "encryption",
            "the connection is not encrypted: add sslmode=require to DATABASE_URL",
        );
    }
    let (level, says) = role(facts.role, trial);
    found.say(level, "role", says);
}

fn role(role: Role, trial: bool) -> (Level, &'static str) {
    match role {
        Role::Bypasses => (
            if trial { Level::Warning } else { Level::Fault },
            "the service's role is a superuser or has BYPASSRLS, so that nothing but each statement keeps vendors apart: \
             give it a role of its own, see `gatehouse migrate --service-role`",
        ),
        Role::Owns => (
            Level::Warning,
            "the service's role owns the tables, and could change the trail: give it a role that owns nothing, see \
             `gatehouse migrate --service-role`",
        ),
        Role::Held => (
            Level::Ok,
            "the service's role owns nothing, and row-level security holds it",
        ),
    }
}

fn schema(schema: Schema) -> (Level, String) {
    match schema {
        Schema::Equal(version) => (
            Level::Ok,
            format!("the schema is at version {version}, as this program's"),
        ),
        Schema::Older(0, ours) => (
            Level::Fault,
            format!(
                "there is no schema, this program's has version {ours}: run `gatehouse migrate`"
            ),
        ),
        Schema::Older(is, ours) => (
            Level::Fault,
            format!(
                "the schema is older than this program: version {is}, not {ours}: run `gatehouse migrate`"
            ),
        ),
        Schema::Newer(is, ours) => (
            Level::Warning,
            format!(
                "the schema is newer than this program: version {is}, not {ours}: upgrade the program"
            ),
        ),
        Schema::Other(version) => (
            Level::Fault,
            format!(
                "the migration of version {version} was another than this program's: it is no database of ours"
            ),
        ),
    }
}
