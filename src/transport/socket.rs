//! UDP sockets on the machine's addresses, batched where the system can (`recvmmsg`, GRO).
//!
//! Invariant: one socket per address, from when it is bound to the end of its transport, but for extra ones; only
//! [`Sockets::poll_receive`] waits.

use super::Transmit;
use super::udp::UdpSocket;
use quinn_udp::RecvMeta;
use rtc_shared::ifaces::ifaces;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{Error, ErrorKind, IoSliceMut, Result};
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll, Waker};

/// Messages taken from one socket before others get their turn.
const BATCH: usize = 4;
/// The system may join datagrams of one sender into a message: up to 64 of the usual MTU.
const MAX_MESSAGE: usize = 64 * 1500;
/// What may wait in the system for us, in bytes, where it allows that: a full window of data channels, or half a second
/// of many calls. The usual default is 90 datagrams.
const RECEIVE_BUFFER: usize = 1 << 20;
/// Datagrams that wait for a socket without room: more would be stale media.
const MAX_REFUSED: usize = 32;

thread_local! {
    /// One receive buffer per engine thread: receiving is synchronous, so calls can share it.
    static INBOX: RefCell<Vec<u8>> = RefCell::new(vec![0; BATCH * MAX_MESSAGE]);
}

/// What one call to the system can carry: a UDP payload of IPv4.
const MAX_TRAIN: usize = 65_507;

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
    /// Further ones, each for one purpose.
    extra: Vec<(SocketAddr, UdpSocket)>,
    /// What is still being joined.
    train: Option<Train>,
    /// What a socket refused, because the system has no room.
    refused: VecDeque<Train>,
}

/// Datagrams of one way and one length that the system may take in one call (UDP GSO); the last may be shorter.
#[derive(Debug)]
struct Train {
    transmit: Transmit,
    segment: usize,
    last: usize,
}

impl Train {
    fn new(transmit: Transmit) -> Self {
        let segment = transmit.payload.len();
        Self { transmit, segment, last: segment }
    }

    /// `next`, if it cannot be coupled.
    fn couple(&mut self, next: Transmit, max_segments: usize) -> Option<Transmit> {
        let (own, len) = (&mut self.transmit, next.payload.len());
        let same_way = own.local == next.local && own.peer == next.peer;
        let fits = (1..=self.segment).contains(&len)
            && own.payload.len() + len <= MAX_TRAIN
            && own.payload.len() < self.segment * max_segments;
        if !same_way || !fits || self.last < self.segment {
            return Some(next);
        }
        own.payload.extend_from_slice(&next.payload);
        self.last = len;
        None
    }
}

impl Sockets {
    /// Binds one socket per chosen address. An address that cannot be bound is left out; without any it is an error.
    pub fn bind(policy: &AddressPolicy) -> Result<Self> {
        let mut sockets = Self { sockets: Vec::new(), extra: Vec::new(), train: None, refused: VecDeque::new() };
        sockets.refresh(policy)?;
        Ok(sockets)
    }

    /// Binds the chosen addresses that have come since; gives all that the machine has now. The socket of one that has gone
    /// stays: its address may come back, and nothing else would notice a machine that is moved for a moment.
    pub fn refresh(&mut self, policy: &AddressPolicy) -> Result<Vec<SocketAddr>> {
        let interfaces = ifaces()?;
        let found = interfaces.into_iter().filter_map(|interface| interface.addr).map(|address| address.ip());
        let mut local = Vec::new();
        let mut last_error = Error::new(ErrorKind::AddrNotAvailable, "no network address");
        for address in policy.select(found) {
            if let Some((bound, _)) = self.sockets.iter().find(|(bound, _)| bound.ip() == address) {
                local.push(*bound);
                continue;
            }
            match bind_one(address, policy.port_range) {
                Ok(socket) => {
                    local.push(socket.local_addr()?);
                    self.sockets.push((socket.local_addr()?, socket));
                }
                Err(error) => last_error = error,
            }
        }
        if local.is_empty() { Err(last_error) } else { Ok(local) }
    }

    /// Binds one more socket at an address, which [`Self::local`] does not tell.
    pub fn bind_extra(&mut self, address: IpAddr, policy: &AddressPolicy) -> Result<SocketAddr> {
        let socket = bind_one(address, policy.port_range)?;
        let bound = socket.local_addr()?;
        self.extra.push((bound, socket));
        Ok(bound)
    }

    /// Closes one of these.
    pub fn close_extra(&mut self, bound: SocketAddr) {
        self.flush();
        self.extra.retain(|(address, _)| *address != bound);
    }

    /// The addresses bound.
    pub fn local(&self) -> Vec<SocketAddr> {
        self.sockets.iter().map(|(address, _)| *address).collect()
    }

    /// Hands over what has arrived: local address, sender, datagram. At most a batch per socket; the rest stays for
    /// the next call. Pending where there is nothing, and nothing that was refused has gone out.
    pub fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
        each: &mut dyn FnMut(SocketAddr, SocketAddr, &mut [u8]),
    ) -> Poll<()> {
        let mut received = if self.has_backlog() { self.poll_refused(context) } else { Poll::Pending };
        for (local, socket) in self.sockets.iter().chain(&self.extra) {
            // An error is the ICMP answer to an earlier send; the next call goes on.
            if poll_batch(socket, context, &mut |peer, datagram| each(*local, peer, datagram)).is_ready() {
                received = Poll::Ready(());
            }
        }
        received
    }

    /// Sends, or keeps it for when the socket has room. `false` where it cannot go out.
    pub fn send(&mut self, transmit: Transmit) -> bool {
        self.join(transmit);
        self.flush()
    }

    /// Sends with what comes next, if the system can take both at once; at the latest with [`Self::flush`].
    pub fn join(&mut self, transmit: Transmit) {
        let max_segments = self.socket(transmit.local).map_or(1, |socket| socket.max_gso_segments());
        let alone = match &mut self.train {
            Some(train) => train.couple(transmit, max_segments),
            None => Some(transmit),
        };
        if let Some(transmit) = alone {
            self.flush();
            self.train = Some(Train::new(transmit));
        }
    }

    /// Nothing that could be joined comes for now. `false` where something cannot go out.
    pub fn flush(&mut self) -> bool {
        let Some(train) = self.train.take() else { return true };
        match self.poll_send(&mut Context::from_waker(Waker::noop()), &train) {
            Poll::Ready(sent) => sent,
            Poll::Pending if self.refused.len() < MAX_REFUSED => {
                self.refused.push_back(train);
                true
            }
            Poll::Pending => false,
        }
    }

    fn socket(&self, local: SocketAddr) -> Option<&UdpSocket> {
        let mut all = self.sockets.iter().chain(&self.extra);
        all.find(|(address, _)| *address == local).map(|(_, socket)| socket)
    }

    /// Something was refused and waits. Whoever can wait too does.
    pub fn has_backlog(&self) -> bool {
        !self.refused.is_empty()
    }

    /// Ready when nothing waits any more.
    fn poll_refused(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while let Some(train) = self.refused.front() {
            if self.poll_send(context, train).is_pending() {
                return Poll::Pending;
            }
            self.refused.pop_front();
        }
        Poll::Ready(())
    }

    fn poll_send(&self, context: &mut Context<'_>, train: &Train) -> Poll<bool> {
        let Train { transmit, segment, .. } = train;
        let Some(socket) = self.socket(transmit.local) else { return Poll::Ready(false) };
        let datagram = quinn_udp::Transmit {
            destination: transmit.peer,
            ecn: None,
            contents: &transmit.payload,
            segment_size: (transmit.payload.len() > *segment).then_some(*segment),
            src_ip: None,
        };
        socket.poll_send(context, &datagram).map(|sent| sent.is_ok())
    }
}

/// One batch of messages, cut into the datagrams that the system has joined.
fn poll_batch(
    socket: &UdpSocket,
    context: &mut Context<'_>,
    each: &mut dyn FnMut(SocketAddr, &mut [u8]),
) -> Poll<Result<()>> {
    INBOX.with_borrow_mut(|inbox| {
        let mut meta = [RecvMeta::default(); BATCH];
        let count = {
            let mut slots = inbox.chunks_exact_mut(MAX_MESSAGE).map(IoSliceMut::new);
            let mut slots: [IoSliceMut<'_>; BATCH] =
                std::array::from_fn(|_| slots.next().unwrap_or_else(|| IoSliceMut::new(&mut [])));
            match socket.poll_receive(context, &mut slots, &mut meta) {
                Poll::Ready(Ok(count)) => count,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        };
        for (message, meta) in inbox.chunks_exact_mut(MAX_MESSAGE).zip(&meta[..count]) {
            let length = meta.len.min(MAX_MESSAGE);
            message[..length].chunks_mut(meta.stride.max(1)).for_each(|datagram| each(meta.addr, datagram));
        }
        Poll::Ready(Ok(()))
    })
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
    // A smaller buffer is no reason to have no socket.
    let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER);
    UdpSocket::new(socket)
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

    fn transmit(peer: u16, len: usize) -> Transmit {
        let address = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        Transmit { local: address(1), peer: address(peer), payload: BytesMut::zeroed(len) }
    }

    #[test]
    fn datagrams_of_one_way_and_length_are_coupled_and_a_shorter_one_is_the_last() {
        let mut train = Train::new(transmit(2, 1200));
        assert!(train.couple(transmit(2, 1200), 4).is_none());
        assert!(train.couple(transmit(3, 1200), 4).is_some(), "another way");
        assert!(train.couple(transmit(2, 1201), 4).is_some(), "longer");
        assert!(train.couple(transmit(2, 0), 4).is_some(), "nothing to cut off");
        assert!(train.couple(transmit(2, 100), 4).is_none());
        assert!(train.couple(transmit(2, 1200), 4).is_some(), "after the last");
        assert_eq!((train.transmit.payload.len(), train.segment), (2500, 1200));
    }

    #[test]
    fn a_train_is_as_long_as_the_system_allows() {
        for (len, max_segments, expected) in [(100, 1, 1), (100, 64, 64), (1200, 64, 54)] {
            let mut train = Train::new(transmit(2, len));
            let coupled = (0..100).take_while(|_| train.couple(transmit(2, len), max_segments).is_none()).count();
            assert_eq!(coupled + 1, expected, "{len} bytes, {max_segments} segments");
        }
    }

    #[tokio::test]
    async fn an_address_that_has_come_gets_a_socket_and_those_that_were_there_keep_theirs() {
        let on = |addresses: &[&str]| AddressPolicy {
            addresses: Some(addresses.iter().map(|text| ip(text)).collect()),
            ..policy(LoopbackPolicy::Always)
        };
        let mut sockets = Sockets::bind(&on(&["127.0.0.1"])).unwrap();
        let first = sockets.local();
        assert_eq!(sockets.refresh(&on(&["127.0.0.1"])).unwrap(), first);
        let moved = sockets.refresh(&on(&["127.0.0.2"])).unwrap();
        assert_eq!(moved[0].ip(), ip("127.0.0.2"), "gathered over what is there now");
        assert_eq!(
            sockets.local(),
            [first[0], moved[0]],
            "the call goes on over the other until it has found a better path"
        );
        assert_eq!(sockets.refresh(&on(&["127.0.0.1", "127.0.0.2"])).unwrap(), [first[0], moved[0]]);
        // 192.0.2.1 is nobody's.
        assert!(sockets.refresh(&on(&["192.0.2.1"])).is_err());
    }

    #[tokio::test]
    async fn sockets_carry_a_batch_and_keep_to_the_port_range() {
        let on_loopback = |port_range| AddressPolicy {
            addresses: Some(vec![ip("127.0.0.1")]),
            port_range,
            ..policy(LoopbackPolicy::Always)
        };
        let mut sender = Sockets::bind(&on_loopback(None)).unwrap();
        let mut receiver = Sockets::bind(&on_loopback(Some((41_000, 41_999)))).unwrap();
        let (from, to) = (sender.local()[0], receiver.local()[0]);
        assert!((41_000..=41_999).contains(&to.port()));
        for byte in 0..5 {
            sender.join(Transmit { local: from, peer: to, payload: BytesMut::from(&[byte][..]) });
        }
        assert!(sender.flush());
        let mut got = Vec::new();
        while got.len() < 5 {
            std::future::poll_fn(|context| {
                receiver.poll_receive(context, &mut |local, peer, datagram| {
                    assert_eq!((local, peer), (to, from));
                    got.push(datagram[0]);
                })
            })
            .await;
        }
        assert_eq!(got, [0, 1, 2, 3, 4]);
    }
}
