//! What a client is told for whom there is no connection left.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Most clients without a connection that are told so at a time. More are hung up on: it must cost next to nothing.
pub const MOST_TOLD: u64 = 256;
/// Longest time that telling one takes.
const TELLING: Duration = Duration::from_secs(1);

const ANSWER: &str = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncache-control: no-store\r\n\
                      content-type: text/plain; charset=utf-8\r\ncontent-length: 58\r\n\r\n\
                      The server has no connection left. Try again in a second.\n";

/// Refuses connections.
pub(super) struct Full(Arc<Semaphore>);

impl Default for Full {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST_TOLD as usize)))
    }
}

impl Full {
    /// Says so and hangs up, beside the caller.
    pub(super) fn refuse(&self, mut stream: TcpStream) {
        let Ok(turn) = self.0.clone().try_acquire_owned() else { return };
        tokio::spawn(async move {
            // Whether the client hears it is its own matter.
            let _ = timeout(TELLING, tell(&mut stream)).await;
            drop(turn);
        });
    }
}

async fn tell(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(ANSWER.as_bytes()).await?;
    stream.shutdown().await?;
    // Closed with a request unread, the connection would be reset, and the client would lose the answer with it.
    let mut rest = [0; 1_024];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_as_long_as_it_says() {
        let (head, body) = ANSWER.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("content-length: {}", body.len())), "{}", body.len());
    }
}
