//! Sockets that are bound ahead. Who has applied an offer will answer it, and what a first description has to wait for
//! longest is the system that binds sockets: a shard does that while the application makes up its answer.
//!
//! Invariant: nobody waits for a shard that has not begun to bind; who needs sockets and finds none binds them himself.

use super::runtime::Seat;
use crate::transport::{AddressPolicy, Sockets};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So long the machine is believed to have the addresses that it had. A call may be answered long after it was offered.
const FRESH: Duration = Duration::from_secs(1);

/// Sockets that were asked for.
pub struct Preparation {
    /// Where they are bound, and where the task that needs them belongs.
    pub seat: Seat,
    policy: AddressPolicy,
    state: Arc<Mutex<State>>,
}

enum State {
    Asked,
    Bound(Instant, Box<Sockets>),
    /// Taken, or not wanted any more.
    Over,
}

impl Preparation {
    /// Has the shard of `seat` bind what `policy` wants, as soon as it can.
    pub fn begin(seat: Seat, policy: AddressPolicy) -> Self {
        let state = Arc::new(Mutex::new(State::Asked));
        let (asked, wanted) = (state.clone(), policy.clone());
        seat.spawn(async move {
            let mut state = lock(&asked);
            if matches!(*state, State::Asked) {
                // Whoever needs them tries again, and tells why it fails.
                *state = Sockets::bind(&wanted)
                    .map_or(State::Over, |sockets| State::Bound(Instant::now(), Box::new(sockets)));
            }
        });
        Self { seat, policy, state }
    }

    /// The sockets, if they are there and what `policy` wants now; they may have got company since.
    pub fn take(self, policy: &AddressPolicy) -> Option<Sockets> {
        let State::Bound(bound, mut sockets) = std::mem::replace(&mut *lock(&self.state), State::Over) else {
            return None;
        };
        let as_wanted = *policy == self.policy
            && (bound.elapsed() < FRESH || sockets.refresh(policy).is_ok_and(|local| local == sockets.local()));
        as_wanted.then_some(*sockets)
    }
}

impl Drop for Preparation {
    fn drop(&mut self) {
        *lock(&self.state) = State::Over;
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::runtime;
    use super::*;
    use crate::error::Result;
    use crate::transport::LoopbackPolicy;
    use std::net::{IpAddr, Ipv4Addr};

    fn policy() -> AddressPolicy {
        let addresses = Some(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]);
        AddressPolicy { addresses, loopback: LoopbackPolicy::Always, ..AddressPolicy::default() }
    }

    /// A preparation whose shard has done its part.
    fn prepared() -> Result<Preparation> {
        let preparation = Preparation::begin(runtime::reserve()?, policy());
        while matches!(*lock(&preparation.state), State::Asked) {
            std::thread::yield_now();
        }
        Ok(preparation)
    }

    #[test]
    fn sockets_are_bound_meanwhile() -> Result<()> {
        let sockets = prepared()?.take(&policy()).expect("sockets");
        let [local] = sockets.local()[..] else { panic!("one address") };
        assert_eq!(local.ip(), IpAddr::V4(Ipv4Addr::LOCALHOST));
        assert!(std::net::UdpSocket::bind(local).is_err(), "it is bound");
        Ok(())
    }

    #[test]
    fn those_of_another_policy_are_closed() -> Result<()> {
        let preparation = prepared()?;
        let local = match &*lock(&preparation.state) {
            State::Bound(_, sockets) => sockets.local()[0],
            _ => panic!("not bound"),
        };
        let policy = AddressPolicy { port_range: Some((local.port(), local.port())), ..policy() };
        assert!(preparation.take(&policy).is_none());
        assert!(std::net::UdpSocket::bind(local).is_ok(), "it is closed");
        Ok(())
    }

    #[test]
    fn old_ones_are_looked_over() -> Result<()> {
        assert!(old_for(&policy())?, "the machine has what it had");
        let moved = AddressPolicy { addresses: Some(vec![IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9))]), ..policy() };
        assert!(!old_for(&moved)?, "an address has gone");
        Ok(())
    }

    /// Whether a preparation that has waited for long is of use to who wants `policy` now, as the machine then has it.
    fn old_for(policy: &AddressPolicy) -> Result<bool> {
        let mut preparation = prepared()?;
        preparation.policy = policy.clone();
        if let State::Bound(bound, _) = &mut *lock(&preparation.state) {
            *bound -= FRESH;
        }
        let (sender, taken) = std::sync::mpsc::channel();
        let policy = policy.clone();
        runtime::reserve()?.begin(async move {
            let _ = sender.send(preparation.take(&policy).is_some());
        });
        Ok(taken.recv() == Ok(true))
    }

    #[test]
    fn what_is_not_wanted_any_more_is_not_bound() -> Result<()> {
        let preparation = Preparation::begin(runtime::reserve()?, policy());
        let state = preparation.state.clone();
        drop(preparation);
        assert!(matches!(*lock(&state), State::Over));
        Ok(())
    }
}
