//! TCP connections to TURN servers.
//!
//! Invariant: nothing is kept here: what comes is handed over, and what cannot be written stays with its owner. Only
//! [`Streams::poll`] waits.

use super::turn::LinkId;
use bytes::{Buf, BytesMut};
use std::cell::RefCell;
use std::future::Future;
use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};

/// Read from one connection at a time.
const MAX_READ: usize = 16 * 1024;
/// Reads of one connection before others get their turn.
const BATCH: usize = 8;
/// What the system keeps of what a slow connection does not take, in bytes: some seconds of audio. More would come too late.
const SEND_BUFFER: u32 = 64 * 1024;

thread_local! {
    /// One receive buffer per engine thread: receiving is synchronous, so calls can share it.
    static INBOX: RefCell<Vec<u8>> = RefCell::new(vec![0; MAX_READ]);
}

/// What happens to a connection.
#[derive(Debug)]
pub enum StreamEvent<'a> {
    /// It is there, from this address of ours; or why it is not.
    Connected(std::result::Result<SocketAddr, String>),
    /// Bytes.
    Received(&'a [u8]),
    /// It takes more again.
    Writable,
    /// It is gone, for this reason.
    Ended(String),
}

enum State {
    Connecting(Pin<Box<dyn Future<Output = Result<TcpStream>> + Send>>),
    Connected(TcpStream),
    /// It was reported.
    Over,
}

struct Connection {
    id: LinkId,
    state: State,
    /// The system has taken less than there was.
    full: bool,
}

/// The connections of one transport.
#[derive(Default)]
pub struct Streams(Vec<Connection>);

impl Streams {
    /// Connects, from this address of ours.
    pub fn connect(&mut self, id: LinkId, from: IpAddr, to: SocketAddr) {
        self.0.push(Connection { id, state: State::Connecting(Box::pin(connect(from, to))), full: false });
    }

    /// Closes one; what was written goes out.
    pub fn close(&mut self, id: LinkId) {
        self.0.retain(|connection| connection.id != id);
    }

    /// Writes as much of `bytes` as the connection takes, and takes that away.
    pub fn write(&mut self, id: LinkId, bytes: &mut BytesMut) {
        let Some(connection) = self.0.iter_mut().find(|connection| connection.id == id) else { return };
        let State::Connected(stream) = &connection.state else { return };
        connection.full = false;
        while !bytes.is_empty() {
            match stream.try_write(bytes) {
                Ok(written) => bytes.advance(written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    connection.full = true;
                    return;
                }
                // Reading tells of it.
                Err(_) => bytes.clear(),
            }
        }
    }

    /// Hands over what has happened. Pending where that is nothing.
    pub fn poll(&mut self, context: &mut Context<'_>, each: &mut dyn FnMut(LinkId, StreamEvent<'_>)) -> Poll<()> {
        let mut happened = Poll::Pending;
        for connection in &mut self.0 {
            let id = connection.id;
            if connection.poll(context, &mut |event| each(id, event)).is_ready() {
                happened = Poll::Ready(());
            }
        }
        happened
    }
}

impl Connection {
    fn poll(&mut self, context: &mut Context<'_>, each: &mut dyn FnMut(StreamEvent<'_>)) -> Poll<()> {
        match &mut self.state {
            State::Connecting(connecting) => match connecting.as_mut().poll(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(outcome) => {
                    let (state, outcome) = match outcome.and_then(|stream| Ok((stream.local_addr()?, stream))) {
                        Ok((address, stream)) => (State::Connected(stream), Ok(address)),
                        Err(error) => (State::Over, Err(error.to_string())),
                    };
                    self.state = state;
                    each(StreamEvent::Connected(outcome));
                    Poll::Ready(())
                }
            },
            State::Connected(stream) => {
                let read = poll_read(stream, context, each);
                let mut happened = if let Poll::Ready(None) = read { Poll::Ready(()) } else { Poll::Pending };
                if self.full && stream.poll_write_ready(context).is_ready() {
                    self.full = false;
                    each(StreamEvent::Writable);
                    happened = Poll::Ready(());
                }
                if let Poll::Ready(Some(reason)) = read {
                    self.state = State::Over;
                    each(StreamEvent::Ended(reason));
                    happened = Poll::Ready(());
                }
                happened
            }
            State::Over => Poll::Pending,
        }
    }
}

/// Pending where nothing has come; `Some` reason where nothing more will.
fn poll_read(
    stream: &mut TcpStream,
    context: &mut Context<'_>,
    each: &mut dyn FnMut(StreamEvent<'_>),
) -> Poll<Option<String>> {
    INBOX.with_borrow_mut(|inbox| {
        for turn in 0..BATCH {
            let mut buffer = ReadBuf::new(inbox);
            match Pin::new(&mut *stream).poll_read(context, &mut buffer) {
                Poll::Pending if turn == 0 => return Poll::Pending,
                Poll::Pending => return Poll::Ready(None),
                Poll::Ready(Err(error)) => return Poll::Ready(Some(error.to_string())),
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                    return Poll::Ready(Some("the server has hung up".to_owned()));
                }
                Poll::Ready(Ok(())) => each(StreamEvent::Received(buffer.filled())),
            }
        }
        Poll::Ready(None)
    })
}

async fn connect(from: IpAddr, to: SocketAddr) -> Result<TcpStream> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.bind(SocketAddr::new(from, 0))?;
    // Another size is no reason to have no connection.
    let _ = socket.set_send_buffer_size(SEND_BUFFER);
    let stream =
        socket.connect(to).await.map_err(|error| Error::new(error.kind(), format!("cannot connect: {error}")))?;
    // A packet is not to wait for the next.
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::net::TcpListener;

    fn loopback() -> IpAddr {
        IpAddr::from([127, 0, 0, 1])
    }

    async fn next(streams: &mut Streams) -> Vec<String> {
        let mut happened = Vec::new();
        poll_fn(|context| streams.poll(context, &mut |_, event| happened.push(format!("{event:?}")))).await;
        happened
    }

    async fn connected() -> (Streams, TcpStream, LinkId) {
        let listener = TcpListener::bind((loopback(), 0)).await.unwrap();
        let (mut streams, id) = (Streams::default(), LinkId::for_tests(1));
        streams.connect(id, loopback(), listener.local_addr().unwrap());
        let (accepted, happened) = tokio::join!(listener.accept(), next(&mut streams));
        let (peer, address) = accepted.unwrap();
        assert_eq!(happened, [format!("Connected(Ok({address}))")]);
        (streams, peer, id)
    }

    async fn read(peer: &TcpStream, into: &mut [u8]) -> usize {
        loop {
            peer.readable().await.unwrap();
            match peer.try_read(into) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                outcome => return outcome.unwrap(),
            }
        }
    }

    #[tokio::test]
    async fn bytes_go_both_ways_until_the_server_hangs_up() {
        let (mut streams, peer, id) = connected().await;
        let mut bytes = BytesMut::from(&b"ask"[..]);
        streams.write(id, &mut bytes);
        assert!(bytes.is_empty());
        let mut got = [0; 8];
        assert_eq!(read(&peer, &mut got).await, 3);
        assert_eq!(&got[..3], b"ask");
        peer.writable().await.unwrap();
        assert_eq!(peer.try_write(&[1, 2]).unwrap(), 2);
        assert_eq!(next(&mut streams).await, ["Received([1, 2])"]);
        drop(peer);
        assert_eq!(next(&mut streams).await, ["Ended(\"the server has hung up\")"]);
    }

    #[tokio::test]
    async fn what_a_full_connection_does_not_take_stays_until_it_does() {
        let (mut streams, peer, id) = connected().await;
        let mut bytes = BytesMut::zeroed(64 << 20);
        let all = bytes.len();
        streams.write(id, &mut bytes);
        assert!((1..all).contains(&bytes.len()), "{} left", bytes.len());
        let mut sink = vec![0; 1 << 20];
        while !bytes.is_empty() {
            tokio::select! {
                read = read(&peer, &mut sink) => assert!(read > 0),
                happened = next(&mut streams) => assert_eq!(happened, ["Writable"]),
            }
            streams.write(id, &mut bytes);
        }
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_told_with_the_reason() {
        let listener = TcpListener::bind((loopback(), 0)).await.unwrap();
        let nobody = listener.local_addr().unwrap();
        drop(listener);
        let mut streams = Streams::default();
        streams.connect(LinkId::for_tests(1), loopback(), nobody);
        let happened = next(&mut streams).await;
        assert!(happened[0].starts_with("Connected(Err(\"cannot connect: "), "{happened:?}");
    }
}
