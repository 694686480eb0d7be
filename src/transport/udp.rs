//! One UDP socket of the runtime, with what the system can join (`recvmmsg`, GRO, GSO).
//!
//! Invariant: the system is asked no more often than it has something to say. What is sent is tried at once, the runtime is
//! asked to wait only when there is no room; and who was given less than he had room for does not ask again until more has come.

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use std::io::{ErrorKind, IoSliceMut, Result};
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};
use tokio::io::Interest;

/// The system fills as many messages as it has, so that fewer than there was room for were all. Elsewhere one is given at a
/// time, however many wait.
const GIVES_ALL: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// A socket that is bound.
pub(super) struct UdpSocket {
    io: tokio::net::UdpSocket,
    state: UdpSocketState,
}

impl UdpSocket {
    /// `socket` belongs to the runtime of this thread from now on.
    pub(super) fn new(socket: std::net::UdpSocket) -> Result<Self> {
        socket.set_nonblocking(true)?;
        let io = tokio::net::UdpSocket::from_std(socket)?;
        let state = UdpSocketState::new(UdpSockRef::from(&io))?;
        Ok(Self { io, state })
    }

    pub(super) fn local_addr(&self) -> Result<SocketAddr> {
        self.io.local_addr()
    }

    /// So many datagrams of one length may be sent as one.
    pub(super) fn max_gso_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    pub(super) fn poll_send(&self, context: &mut Context<'_>, datagram: &Transmit<'_>) -> Poll<Result<()>> {
        let send = || self.state.try_send(UdpSockRef::from(&self.io), datagram);
        let mut outcome = send();
        while is_refusal(&outcome) {
            ready!(self.io.poll_send_ready(context))?;
            outcome = self.io.try_io(Interest::WRITABLE, send);
        }
        Poll::Ready(outcome)
    }

    /// Fills `slots` and says how many.
    pub(super) fn poll_receive(
        &self,
        context: &mut Context<'_>,
        slots: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<Result<usize>> {
        loop {
            ready!(self.io.poll_recv_ready(context))?;
            let mut count = 0;
            let outcome = self.io.try_io(Interest::READABLE, || {
                count = self.state.recv(UdpSockRef::from(&self.io), slots, meta)?;
                // The runtime takes it from this that nothing is left.
                let all = count == 0 || (GIVES_ALL && count < slots.len());
                if all { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            if count > 0 {
                return Poll::Ready(Ok(count));
            }
            if !is_refusal(&outcome) {
                return Poll::Ready(outcome.map(|()| 0));
            }
        }
    }
}

impl std::fmt::Debug for UdpSocket {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.io.fmt(formatter)
    }
}

fn is_refusal<T>(outcome: &Result<T>) -> bool {
    outcome.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::task::Waker;

    fn bound() -> UdpSocket {
        UdpSocket::new(std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap()
    }

    fn send(from: &UdpSocket, to: &UdpSocket, contents: &[u8]) -> Poll<Result<()>> {
        let destination = to.local_addr().unwrap();
        let datagram = Transmit { destination, ecn: None, contents, segment_size: None, src_ip: None };
        from.poll_send(&mut Context::from_waker(Waker::noop()), &datagram)
    }

    async fn receive(socket: &UdpSocket) -> Vec<u8> {
        let (mut buffers, mut meta) = ([[0; 100]; 2], [RecvMeta::default(); 2]);
        let mut slots = buffers.each_mut().map(|buffer| IoSliceMut::new(buffer));
        let count = poll_fn(|context| socket.poll_receive(context, &mut slots, &mut meta)).await.unwrap();
        buffers.iter().zip(&meta[..count]).flat_map(|(buffer, meta)| buffer[..meta.len].to_vec()).collect()
    }

    #[tokio::test]
    async fn a_new_socket_sends_at_once() {
        assert!(matches!(send(&bound(), &bound(), &[1]), Poll::Ready(Ok(()))));
    }

    #[tokio::test]
    async fn what_comes_after_all_was_received_is_told_as_well() {
        let (sender, receiver) = (bound(), bound());
        for byte in 0..50 {
            assert!(send(&sender, &receiver, &[byte]).is_ready());
            assert_eq!(receive(&receiver).await, [byte]);
        }
    }

    #[tokio::test]
    async fn more_than_there_is_room_for_waits_for_the_next_call() {
        let (sender, receiver) = (bound(), bound());
        (0..5).for_each(|byte| assert!(send(&sender, &receiver, &[byte]).is_ready()));
        let mut got = Vec::new();
        while got.len() < 5 {
            got.extend(receive(&receiver).await);
        }
        assert_eq!(got, [0, 1, 2, 3, 4]);
    }
}
