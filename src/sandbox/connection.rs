//! Connections that can be cut from inside, and a listener that can refuse.
//!
//! A lost answer must look like one: no status line, no body, a closed connection. A handler cannot do that, so the
//! stream itself is wrapped: once cut, every read and write fails, the server drops the connection, and nothing of an
//! answer has left. While refusing, nobody listens on the port at all, which is what a client sees as "not sent for sure".

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Whether the port answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    Open,
    Refusing,
}

/// The knife for one connection.
#[derive(Debug, Default)]
pub(super) struct Cut {
    done: AtomicBool,
    reader: Mutex<Option<Waker>>,
}

impl Cut {
    pub(super) fn cut(&self) {
        self.done.store(true, Ordering::SeqCst);
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = reader {
            waker.wake();
        }
    }

    fn is_done(&self) -> bool {
        self.done.load(Ordering::SeqCst)
    }
}

/// All connections that are open.
#[derive(Clone, Debug, Default)]
pub(super) struct Connections(Arc<Mutex<Vec<Weak<Cut>>>>);

impl Connections {
    fn add(&self, cut: &Arc<Cut>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| other.strong_count() > 0);
        all.push(Arc::downgrade(cut));
    }

    pub(super) fn cut_all(&self) {
        let all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for cut in all.iter().filter_map(Weak::upgrade) {
            cut.cut();
        }
    }
}

/// Who is at the other end, and how to cut them off.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) cut: Arc<Cut>,
}

impl Connected<IncomingStream<'_, CuttingListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, CuttingListener>) -> Peer {
        stream.remote_addr().clone()
    }
}

#[derive(Debug)]
pub(super) struct CuttingListener {
    listener: Option<TcpListener>,
    address: SocketAddr,
    connections: Connections,
    gate: watch::Receiver<Gate>,
}

impl CuttingListener {
    pub(super) async fn bind(
        address: SocketAddr,
        connections: Connections,
        gate: watch::Receiver<Gate>,
    ) -> io::Result<CuttingListener> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(CuttingListener { listener: Some(listener), address, connections, gate })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Listener for CuttingListener {
    type Io = CuttableStream;
    type Addr = Peer;

    async fn accept(&mut self) -> (CuttableStream, Peer) {
        loop {
            let gate = *self.gate.borrow_and_update();
            match (gate, &self.listener) {
                (Gate::Refusing, _) => {
                    self.listener = None;
                    self.connections.cut_all();
                    if self.gate.changed().await.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
                // The port was ours a moment ago; until it is again, clients are refused as before.
                (Gate::Open, None) => match TcpListener::bind(self.address).await {
                    Ok(listener) => self.listener = Some(listener),
                    Err(_) => tokio::task::yield_now().await,
                },
                (Gate::Open, Some(listener)) => {
                    let accepted = tokio::select! {
                        accepted = listener.accept() => accepted,
                        _ = self.gate.changed() => continue,
                    };
                    let Ok((stream, _)) = accepted else {
                        tokio::task::yield_now().await;
                        continue;
                    };
                    // Small answers must not wait for the next packet's acknowledgement.
                    let _ = stream.set_nodelay(true);
                    let cut = Arc::new(Cut::default());
                    self.connections.add(&cut);
                    return (CuttableStream { stream, cut: Arc::clone(&cut) }, Peer { cut });
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Peer> {
        Ok(Peer { cut: Arc::default() })
    }
}

#[derive(Debug)]
pub(super) struct CuttableStream {
    stream: TcpStream,
    cut: Arc<Cut>,
}

impl CuttableStream {
    fn check(&self) -> io::Result<()> {
        if self.cut.is_done() { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

impl AsyncRead for CuttableStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // Registered before the look, or a cut in between would wake nobody.
        *self.cut.reader.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        self.check()?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
