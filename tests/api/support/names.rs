//! A resolver that says what a test wants.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use gatehouse::egress::System;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// What a name's servers answer.
#[derive(Clone)]
pub enum Says {
    /// These addresses, perhaps none.
    Addresses(Vec<IpAddr>),
    /// That there is no such name, or that they failed.
    Failure,
    /// Nothing, ever.
    Silence,
}

impl Says {
    pub fn these(addresses: &[&str]) -> Self {
        Self::Addresses(addresses.iter().map(|one| one.parse().unwrap()).collect())
    }
}

#[derive(Default)]
struct Known {
    /// In turn; the last one from then on.
    answers: Vec<Says>,
    asked: usize,
}

/// Names of the test. What it does not know, the machine's resolver is asked for.
#[derive(Clone, Default)]
pub struct Names {
    known: Arc<Mutex<HashMap<String, Known>>>,
}

impl Names {
    /// From now on a name's servers answer this, in turn, and the last one for ever.
    pub fn say(&self, name: &str, answers: Vec<Says>) {
        let known = Known { answers, asked: 0 };
        self.known.lock().unwrap().insert(name.to_owned(), known);
    }

    /// How often the name was looked up since.
    pub fn asked(&self, name: &str) -> usize {
        self.known.lock().unwrap()[name].asked
    }

    fn next(&self, name: &str) -> Option<Says> {
        let mut names = self.known.lock().unwrap();
        let known = names.get_mut(name)?;
        known.asked += 1;
        let place = known.asked.min(known.answers.len()) - 1;
        Some(known.answers[place].clone())
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let says = self.next(name.as_str());
        Box::pin(async move {
            match says {
                None => System.resolve(name).await,
                Some(Says::Addresses(found)) => {
                    let found = found.into_iter().map(|ip| SocketAddr::new(ip, 0));
                    Ok(Box::new(found) as Addrs)
                }
                Some(Says::Failure) => Err("SERVFAIL".into()),
                Some(Says::Silence) => std::future::pending().await,
            }
        })
    }
}
