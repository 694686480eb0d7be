//! UDP sockets on the machine's addresses.
//!
//! Invariant: one socket per address, for the life of its transport; no call here waits but [`Sockets::readable`].

use super::Transmit;
use rtc::shared::ifaces::ifaces;
use std::future::poll_fn;
use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};
use tokio::net::UdpSocket;

/// Above every datagram of a call; what is longer is cut and fails its authentication.
const MAX_DATAGRAM: usize = 2048;
/// Taken from one socket before others get their turn.
const BATCH: usize = 64;

/// May loopback addresses be used?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoopbackPolicy {
    /// Only when the machine has no other address.
    #[default]
    Alone,
    /// Beside the others.
    Always,
    /// Not at all.
    Never,
}

impl LoopbackPolicy {
    /// [`Self::Always`] when the environment says `WEBPHONE_RTC_LOOPBACK=1`.
    pub fn from_env() -> Self {
        match std::env::var_os("WEBPHONE_RTC_LOOPBACK") {
            Some(value) if value == "1" => Self::Always,
            _ => Self::default(),
        }
    }
}

/// Which addresses and ports to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressPolicy {
    /// Loopback.
    pub loopback: LoopbackPolicy,
    /// Only these, instead of all interfaces.
    pub addresses: Option<Vec<IpAddr>>,
    /// First and last port; any port otherwise.
    pub port_range: Option<(u16, u16)>,
    /// Use IPv6 too.
    pub ipv6: bool,
}

impl Default for AddressPolicy {
    fn default() -> Self {
        Self { loopback: LoopbackPolicy::from_env(), addresses: None, port_range: None, ipv6: true }
    }
}

impl AddressPolicy {
    /// The addresses to bind, in order of preference.
    fn select(&self, found: impl IntoIterator<Item = IpAddr>) -> Vec<IpAddr> {
        if let Some(addresses) = &self.addresses {
            return addresses.clone();
        }
        let mut chosen: Vec<IpAddr> = Vec::new();
        for address in found {
            if usable(address) && (self.ipv6 || address.is_ipv4()) && !chosen.contains(&address) {
                chosen.push(address);
            }
        }
        chosen.sort_by_key(|address| (address.is_loopback(), address.is_ipv6()));
        let alone = chosen.iter().all(IpAddr::is_loopback);
        match self.loopback {
            LoopbackPolicy::Always => {}
            LoopbackPolicy::Alone if alone => {}
            _ => chosen.retain(|address| !address.is_loopback()),
        }
        chosen
    }
}

fn usable(address: IpAddr) -> bool {
    let link_local = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    !link_local && !address.is_unspecified() && !address.is_multicast()
}

/// The sockets of one transport.
#[derive(Debug)]
pub struct Sockets {
    sockets: Vec<(SocketAddr, UdpSocket)>,
}

impl Sockets {
    /// Binds one socket per chosen address. An address that cannot be bound is left out; without any it is an error.
    pub async fn bind(policy: &AddressPolicy) -> Result<Self> {
        let interfaces = ifaces()?;
        let found = interfaces.into_iter().filter_map(|interface| interface.addr).map(|address| address.ip());
        let mut sockets = Vec::new();
        let mut last_error = Error::new(ErrorKind::AddrNotAvailable, "no network address");
        for address in policy.select(found) {
            match bind_one(address, policy.port_range) {
                Ok(socket) => {
                    // The first send would fail until the reactor has seen the socket once.
                    socket.writable().await?;
                    sockets.push((socket.local_addr()?, socket));
                }
                Err(error) => last_error = error,
            }
        }
        if sockets.is_empty() { Err(last_error) } else { Ok(Self { sockets }) }
    }

    /// The addresses bound.
    pub fn local(&self) -> Vec<SocketAddr> {
        self.sockets.iter().map(|(address, _)| *address).collect()
    }

    /// Waits until there is something to [`Self::drain`]. Cancelling it loses nothing.
    pub async fn readable(&self) {
        poll_fn(|context| self.poll_readable(context)).await;
    }

    /// Ready when there is something to [`Self::drain`].
    pub fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        let ready = self.sockets.iter().any(|(_, socket)| socket.poll_recv_ready(context).is_ready());
        if ready { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Hands over what has arrived: local address, sender, datagram. At most a batch per socket; the rest stays for
    /// the next call.
    pub fn drain(&self, mut each: impl FnMut(SocketAddr, SocketAddr, &mut [u8])) {
        let mut buffer = [0_u8; MAX_DATAGRAM];
        for (local, socket) in &self.sockets {
            for _ in 0..BATCH {
                match socket.try_recv_from(&mut buffer) {
                    Ok((len, peer)) => each(*local, peer, &mut buffer[..len]),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(_) => {} // an ICMP error of an earlier send
                }
            }
        }
    }

    /// Sends now or never: what the system has no room for is lost, as on the wire. `false` where it was not sent.
    pub fn send(&self, transmit: &Transmit) -> bool {
        let socket = self.sockets.iter().find(|(local, _)| *local == transmit.local);
        socket.is_some_and(|(_, socket)| socket.try_send_to(&transmit.payload, transmit.peer).is_ok())
    }
}

fn bind_one(address: IpAddr, port_range: Option<(u16, u16)>) -> Result<UdpSocket> {
    let (first, last) = port_range.unwrap_or((0, 0));
    let mut outcome = Err(Error::new(ErrorKind::InvalidInput, "empty port range"));
    for port in first..=last {
        outcome = std::net::UdpSocket::bind((address, port));
        if outcome.is_ok() {
            break;
        }
    }
    let socket = outcome?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn policy(loopback: LoopbackPolicy) -> AddressPolicy {
        AddressPolicy { loopback, addresses: None, port_range: None, ipv6: true }
    }

    #[test]
    fn loopback_is_for_those_who_ask_or_have_nothing_else() {
        let machine = || ["127.0.0.1", "::1", "fe80::1", "2001:db8::1", "192.0.2.1"].map(ip);
        let outside = [ip("192.0.2.1"), ip("2001:db8::1")];
        assert_eq!(policy(LoopbackPolicy::Alone).select(machine()), outside);
        assert!(policy(LoopbackPolicy::Never).select([ip("127.0.0.1")]).is_empty());
        assert_eq!(policy(LoopbackPolicy::Alone).select([ip("127.0.0.1")]), [ip("127.0.0.1")]);
        assert_eq!(policy(LoopbackPolicy::Always).select(machine())[2..], [ip("127.0.0.1"), ip("::1")]);
        let without_ipv6 = AddressPolicy { ipv6: false, ..policy(LoopbackPolicy::Alone) };
        assert_eq!(without_ipv6.select(machine()), [ip("192.0.2.1")]);
    }

    #[tokio::test]
    async fn sockets_carry_a_batch_and_keep_to_the_port_range() {
        let on_loopback = |port_range| AddressPolicy {
            addresses: Some(vec![ip("127.0.0.1")]),
            port_range,
            ..policy(LoopbackPolicy::Always)
        };
        let sender = Sockets::bind(&on_loopback(None)).await.unwrap();
        let receiver = Sockets::bind(&on_loopback(Some((41_000, 41_999)))).await.unwrap();
        let (from, to) = (sender.local()[0], receiver.local()[0]);
        assert!((41_000..=41_999).contains(&to.port()));
        for byte in 0..5 {
            assert!(sender.send(&Transmit { local: from, peer: to, payload: BytesMut::from(&[byte][..]) }));
        }
        let mut got = Vec::new();
        while got.len() < 5 {
            receiver.readable().await;
            receiver.drain(|local, peer, datagram| {
                assert_eq!((local, peer), (to, from));
                got.push(datagram[0]);
            });
        }
        assert_eq!(got, [0, 1, 2, 3, 4]);
    }
}
