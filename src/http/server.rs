//! The accept loop: bounds on connections, headers and slow readers, and a graceful end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutWriter;

use super::full::Full;
use super::{HttpState, PeerAddress, router};

/// Bounds of the transport.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most connections at a time; more are refused with 503.
    pub connections: usize,
    /// Longest time for which a client takes nothing of an answer.
    pub stalled: Duration,
    /// Longest time for running requests to finish after `stop`.
    pub drain: Duration,
}

/// Longest time for a client to send the headers of a request, also the next one on a kept connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// Most bytes of headers.
const HEADER_BYTES: usize = 16 * 1024;

/// Serves until `stop` is done, then lets running requests finish.
pub async fn serve(listener: TcpListener, state: HttpState, limits: Limits, stop: impl Future<Output = ()>) {
    let stopping = state.stopping.clone();
    let service = TowerToHyperService::new(router(state));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(HEADER_BYTES);
    let slots = Arc::new(Semaphore::new(limits.connections));
    let full = Full::default();
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors, most likely: wait until some connections have ended.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(slot) = slots.clone().try_acquire_owned() else {
            full.refuse(stream);
            continue;
        };
        // Small answers must not wait for the acknowledgement of the ones before (RFC 896).
        let _ = stream.set_nodelay(true);
        let service = service.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(PeerAddress(peer.ip()));
            service.call(request)
        });
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(limits.stalled));
        let connection = graceful.watch(http.serve_connection(TokioIo::new(Box::pin(stream)), service));
        tokio::spawn(async move {
            // A client that breaks off is no event.
            let _: Result<(), _> = connection.await;
            drop(slot);
        });
    }
    stopping.store(true, Ordering::Relaxed);
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(seconds = limits.drain.as_secs(), "some requests did not finish in time and are cut off");
    }
}
