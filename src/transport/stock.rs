//! Certificates of connections to come, made while nobody waits for them.
//!
//! Invariant: a certificate is given away once, and there are never more than [`MAX_STOCK`].

use super::certificate::Certificate;
use crate::error::Result;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Calls that begin at one time and find one each.
const MAX_STOCK: usize = 8;

static STOCK: Mutex<Vec<Certificate>> = Mutex::new(Vec::new());

/// A certificate that nobody else has, to be used for `lifetime` from now.
pub fn fresh_certificate(lifetime: Duration) -> Result<Certificate> {
    let made = stock().pop();
    made.map_or_else(|| Certificate::generate(lifetime), |made| Ok(made.lasting(lifetime)))
}

/// Makes one for later: to be called when a connection that has taken one needs the processor no more.
pub fn restock() {
    if stock().len() >= MAX_STOCK {
        return;
    }
    // Where that fails it will fail again for the one who waits, and he is told.
    if let Ok(made) = Certificate::generate(Duration::ZERO) {
        let mut stock = stock();
        // Another thread may have made one meanwhile.
        if stock.len() < MAX_STOCK {
            stock.push(made);
        }
    }
}

fn stock() -> MutexGuard<'static, Vec<Certificate>> {
    STOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::time::{SystemTime, UNIX_EPOCH};

    #[test]
    fn each_is_given_once_and_lives_from_then_on() {
        (0..3).for_each(|_| restock());
        assert!((1..=MAX_STOCK).contains(&stock().len()));
        let lifetime = Duration::from_secs(3600);
        let given: Vec<_> = (0..2 * MAX_STOCK).map(|_| fresh_certificate(lifetime).unwrap()).collect();
        let different: BTreeSet<_> = given.iter().map(Certificate::fingerprint_sha256).collect();
        assert_eq!(different.len(), given.len());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
        assert!(given.iter().all(|certificate| certificate.expires_unix_ms() > now + 3_000_000));
    }

    #[test]
    fn the_stock_has_a_limit() {
        (0..2 * MAX_STOCK).for_each(|_| restock());
        assert!(stock().len() <= MAX_STOCK);
    }
}
