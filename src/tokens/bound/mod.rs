//! Tokens that work from some networks only.
//!
//! OpenBao binds no single token (see [`super::terms`]), only all of a role. So there is a role for each set of networks that
//! a vendor's callers asked for, of each kind: as the kind's role in all else, made by the provisioner when the set is first
//! asked for, and removed when no live token needs it ([`tidy`]), as nobody renews a token whose role is gone. The
//! provisioner's policy lets it write no role that gives more than the kind's own.
//!
//! Each has a row, which is there before the role and goes after it, and whose number is a part of the role's name: a role
//! that is made anew has another name, so that whoever removes the former one cannot meet it. A token is recorded only
//! while the row of its role is there and not marked for removal.

pub mod store;
pub mod tidy;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Grant, Kind};
use crate::app::App;
use crate::error::{Error, FieldError, Result};
use crate::kill_point::kill_point;
use crate::types::{MOST_NETWORKS, Namespace, Networks, VendorId};
use crate::vault::roles::{self, BoundRole};

/// Roles of one vendor.
pub const MOST: i64 = 64;
/// Of those, roles that may be there before one is made for the public key alone, which is in everybody's hands.
pub const MOST_PUBLIC: i64 = 32;
/// With which all their names begin.
pub const PREFIX: &str = "gatehouse-bound.";
/// For how long a role is used without a look at its row.
const USE: Duration = Duration::from_mins(10);
/// How many are held in memory.
const HELD: usize = 10_000;

/// A role that stands.
#[derive(Clone, Debug)]
pub struct Bound {
    /// Its row.
    pub id: i64,
    /// As OpenBao should have it.
    pub role: BoundRole,
}

impl Bound {
    /// Of a row's number, a vendor, a kind and a set of networks.
    #[must_use]
    pub fn new(id: i64, namespace: &Namespace, kind: Kind, networks: Networks) -> Self {
        let like = kind.rules().role;
        let kind = like.name.trim_start_matches("gatehouse-");
        let name = format!("{PREFIX}{kind}.{namespace}.{id}-{}", networks.digest());
        Self {
            id,
            role: BoundRole {
                name,
                like,
                networks,
            },
        }
    }
}

/// The networks a caller wishes a token to be bound to, at a place in the body.
///
/// # Errors
/// Each text that is no network, or how many there may be.
pub fn wished(pointer: &str, texts: Option<&[String]>) -> Result<Option<Networks>> {
    let Some(texts) = texts else {
        return Ok(None);
    };
    if !(1..=MOST_NETWORKS).contains(&texts.len()) {
        let rule = format!("must be 1 to {MOST_NETWORKS} networks");
        return Err(Error::InvalidField(vec![FieldError::at(pointer, rule)]));
    }
    let field = |(place, error): (usize, crate::types::NetworkError)| {
        FieldError::at(format!("{pointer}/{place}"), error.to_string())
    };
    let refused =
        |errors: Vec<_>| Error::InvalidField(errors.into_iter().map(field).collect::<Vec<_>>());
    Networks::parse(texts).map(Some).map_err(refused)
}

type Place = (VendorId, Kind, Networks);

struct Held {
    bound: Arc<Bound>,
    until: Instant,
}

/// Roles that stood a moment ago.
#[derive(Default)]
pub struct Known(Mutex<HashMap<Place, Held>>);

impl Known {
    fn find(&self, place: &Place) -> Option<Arc<Bound>> {
        let held = self.lock();
        let found = held.get(place)?;
        (Instant::now() < found.until).then(|| Arc::clone(&found.bound))
    }

    fn keep(&self, place: Place, bound: &Arc<Bound>) {
        let now = Instant::now();
        let mut held = self.lock();
        if held.len() >= HELD {
            held.retain(|_, one| now < one.until);
        }
        if held.len() < HELD {
            let bound = Arc::clone(bound);
            let until = now + USE;
            held.insert(place, Held { bound, until });
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Place, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(grant: &Grant) -> Option<Place> {
    let networks = grant.networks.clone()?;
    Some((grant.vendor.id, grant.kind, networks))
}

/// The role that a token is to be minted by: `None` where it is bound to no networks. Made where there is none yet.
///
/// # Errors
/// [`Error::NetworkSetsFull`], the vendor's state, or trouble with OpenBao or the database.
pub async fn role(app: &App, grant: &Grant) -> Result<Option<Arc<Bound>>> {
    let Some(place) = place(grant) else {
        return Ok(None);
    };
    if let Some(known) = app.bound.find(&place) {
        return Ok(Some(known));
    }
    let row = claim(app, grant, &place.2).await?;
    let bound = Bound::new(row.id, &grant.vendor.namespace, grant.kind, place.2.clone());
    kill_point("after claiming a bound role");
    if !row.is_made {
        write(app, grant.vendor.id, &bound).await?;
    }
    let bound = Arc::new(bound);
    app.bound.keep(place, &bound);
    Ok(Some(bound))
}

/// The row, with the note that it is used.
async fn claim(app: &App, grant: &Grant, networks: &Networks) -> Result<store::Row> {
    let (vendor, now) = (grant.vendor.id, app.clock.now());
    let mut client = app.db.of(vendor).await?;
    if let Some(row) = store::touch(&client, vendor, grant.kind, networks, now).await? {
        return Ok(row);
    }
    let most = if grant.is_public() { MOST_PUBLIC } else { MOST };
    let transaction = client.transaction().await?;
    store::hold(&transaction, vendor).await?;
    // Somebody else may have been quicker.
    if let Some(row) = store::touch(&transaction, vendor, grant.kind, networks, now).await? {
        transaction.commit().await?;
        return Ok(row);
    }
    if store::count(&transaction, vendor).await? >= most {
        return Err(Error::NetworkSetsFull);
    }
    let added = store::add(&transaction, vendor, grant.kind, networks, now).await?;
    transaction.commit().await?;
    if let Some(row) = added {
        return Ok(row);
    }
    drop(client);
    let vendor = crate::vendors::create::reload(app, vendor).await?;
    vendor.refuse_inactive()?;
    Err(Error::Conflict)
}

/// Makes the role, and notes that it stands. Where its row went meanwhile, so does the role.
async fn write(app: &App, vendor: VendorId, bound: &Bound) -> Result<()> {
    let role = &bound.role;
    let provisioner = &app.vault.provisioner;
    provisioner
        .call(|handle| async move { roles::set_bound(&handle, role).await })
        .await?;
    kill_point("after making a bound role");
    let client = app.db.of(vendor).await?;
    if store::mark_made(&client, vendor, bound.id, app.clock.now()).await? {
        kill_point("after noting a bound role");
        return Ok(());
    }
    drop(client);
    tidy::delete(app, &role.name).await?;
    Err(Error::Conflict)
}

/// Makes a role again that OpenBao does not know: somebody deleted it by hand, or it is on its way out.
///
/// # Errors
/// [`Error::Conflict`] where it is on its way out, or trouble with OpenBao or the database.
pub async fn make_again(app: &App, vendor: VendorId, bound: &Bound) -> Result<()> {
    tracing::warn!(
        vendor.id = vendor.0,
        role = bound.role.name,
        "A token role that stood is gone, and is made again"
    );
    write(app, vendor, bound).await
}

/// Forgets that a role stands.
pub fn forget(app: &App, grant: &Grant) {
    if let Some(place) = place(grant) {
        app.bound.lock().remove(&place);
    }
}

/// Makes a role whole that is not as it should be: what somebody added to it goes too.
///
/// # Errors
/// Trouble with OpenBao or the database.
pub async fn mend(app: &App, vendor: VendorId, bound: &Bound) -> Result<()> {
    tidy::delete(app, &bound.role.name).await?;
    match write(app, vendor, bound).await {
        // It was removed meanwhile.
        Err(Error::Conflict) => Ok(()),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_a_role_tells_kind_vendor_and_set() {
        let namespace = Namespace::parse("acme1").unwrap();
        let networks = Networks::parse(&["203.0.113.0/24".to_owned()]).unwrap();
        let bound = Bound::new(7, &namespace, Kind::WriteSite, networks.clone());
        let name = format!("gatehouse-bound.write-site.acme1.7-{}", networks.digest());
        assert_eq!(bound.role.name, name);
        assert_eq!(bound.role.like.name, "gatehouse-write-site");
    }

    #[test]
    fn as_many_networks_may_be_wished_as_are_bound() {
        let many = |count: usize| {
            let texts: Vec<String> = (0..count).map(|n| format!("10.{n}.0.0/16")).collect();
            wished("/boundCidrs", Some(&texts)).is_ok()
        };
        assert!(many(1) && many(8));
        assert!(!many(0) && !many(9));
        assert!(matches!(wished("/boundCidrs", None), Ok(None)));
    }
}
