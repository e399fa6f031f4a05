//! The load: HTTP/1.1 over kept connections, each of which sends its next request when it has the answer.
//!
//! All connections share one thread, so that the load takes as little of the machine as it can; `pgbench` does the same.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Result;

/// Where this stands in a request, another number is sent each time.
pub(crate) const NUMBER: &str = "################";

/// The number that is sent next. From the time on, in nanoseconds: nobody sends as fast as that, so the next run begins
/// beyond this one.
static NEXT: LazyLock<AtomicU64> = LazyLock::new(|| {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    AtomicU64::new(u64::try_from(now.as_nanos()).unwrap_or_default())
});

/// A request that can be sent again and again.
#[derive(Clone, Debug)]
pub(crate) struct Shot {
    /// All of it.
    request: Vec<u8>,
    /// Where its number stands.
    number_at: Option<usize>,
    /// Length of its right answer.
    answer_bytes: usize,
}

impl Shot {
    /// The bytes of a GraphQL request.
    pub(crate) fn new(token: Option<&str>, document: &str, variables: &Value) -> Self {
        let body = json!({ "query": document, "variables": variables }).to_string();
        let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = format!(
            "POST /graphql HTTP/1.1\r\nhost: localhost\r\naccept: application/graphql-response+json\r\n\
             content-type: application/json\r\n{authorization}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        Self { number_at: request.find(NUMBER), request: request.into_bytes(), answer_bytes: 0 }
    }

    /// Sends it once and gives the body of its answer, whose length those of all later ones must have.
    pub(crate) async fn try_out(&mut self, address: SocketAddr) -> Result<Vec<u8>> {
        let mut connection = Connection::open(address).await?;
        let body = connection.ask(self.next()).await?;
        self.answer_bytes = body.len();
        Ok(connection.buffer[body].to_vec())
    }

    /// What to send next.
    fn next(&mut self) -> &[u8] {
        if let Some(at) = self.number_at {
            let number = format!("{:016x}", NEXT.fetch_add(1, Ordering::Relaxed));
            self.request[at..at + NUMBER.len()].copy_from_slice(number.as_bytes());
        }
        &self.request
    }
}

/// What a load saw.
#[derive(Debug)]
pub(crate) struct Seen {
    /// How long it went on.
    pub(crate) elapsed: Duration,
    /// How long each answer took, in microseconds, shortest first.
    pub(crate) micros: Vec<u32>,
}

impl Seen {
    /// The time within which this share of the answers came, in milliseconds.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let at = (self.micros.len() * percent / 100).min(self.micros.len().saturating_sub(1));
        self.micros.get(at).map_or(f64::NAN, |&micros| f64::from(micros) / 1e3)
    }
}

/// Sends the shots in turn from each of `connections`, for so long: each when the answer to the last one is there, or, with
/// `per_second`, so many in all at times that are fixed beforehand. An answer's time then counts from the time at which it
/// should have been asked for, so that waiting for the one before is part of it.
pub(crate) async fn fire(
    address: SocketAddr,
    shots: &[Shot],
    connections: u32,
    duration: Duration,
    per_second: Option<f64>,
) -> Result<Seen> {
    let mut clients = JoinSet::new();
    let started = Instant::now();
    let end = started + duration;
    for number in 0..connections as usize {
        let shots = shots.to_vec();
        // Not all connections begin with the same shot.
        let pace = per_second.map(|rate| {
            let pause = Duration::from_secs_f64(f64::from(connections) / rate);
            (started + pause.mul_f64(number as f64 / f64::from(connections)), pause)
        });
        clients
            .spawn(async move { client(address, shots, number, end, pace).await.map_err(|error| error.to_string()) });
    }
    let mut micros = Vec::new();
    while let Some(ended) = clients.join_next().await {
        micros.append(&mut ended??);
    }
    let elapsed = started.elapsed();
    micros.sort_unstable();
    Ok(Seen { elapsed, micros })
}

/// What a crowd got that sends without looking at the answers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pressed {
    /// Answers with status 200.
    pub(crate) answered: u64,
    /// Answers with status 503.
    pub(crate) shed: u64,
}

/// Sends the shots in turn from each of `connections` until `stop` is set; who is told to come back later comes back at once.
pub(crate) async fn press(
    address: SocketAddr,
    shots: &[Shot],
    connections: u32,
    stop: &Arc<AtomicBool>,
) -> Result<Pressed> {
    let mut clients = JoinSet::new();
    for number in 0..connections as usize {
        let (mut shots, stop) = (shots.to_vec(), Arc::clone(stop));
        clients.spawn(async move {
            let pressing = async {
                let mut pressed = Pressed::default();
                let mut connection = Connection::open(address).await?;
                for turn in number.. {
                    let turn = turn % shots.len();
                    match connection.hear(shots[turn].next()).await? {
                        (200, _) => pressed.answered += 1,
                        (503, _) => pressed.shed += 1,
                        (status, _) => return Err(format!("the server answered with {status}").into()),
                    }
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
                Result::Ok(pressed)
            };
            pressing.await.map_err(|error| error.to_string())
        });
    }
    let mut all = Pressed::default();
    while let Some(ended) = clients.join_next().await {
        let Pressed { answered, shed } = ended??;
        all = Pressed { answered: all.answered + answered, shed: all.shed + shed };
    }
    Ok(all)
}

/// `pace` is when to send the first request, and the time from each to the next.
async fn client(
    address: SocketAddr,
    mut shots: Vec<Shot>,
    first: usize,
    end: Instant,
    mut pace: Option<(Instant, Duration)>,
) -> Result<Vec<u32>> {
    let mut connection = Connection::open(address).await?;
    let mut micros = Vec::with_capacity(1 << 16);
    let mut sent = Instant::now();
    for turn in first.. {
        let turn = turn % shots.len();
        let shot = &mut shots[turn];
        if let Some((next, pause)) = &mut pace {
            sent = *next;
            *next += *pause;
            tokio::time::sleep_until(sent.into()).await;
        }
        let body = connection.ask(shot.next()).await?;
        if body.len() != shot.answer_bytes {
            let answer = String::from_utf8_lossy(&connection.buffer[body]).into_owned();
            return Err(format!("not the answer of {} bytes that came before: {answer}", shot.answer_bytes).into());
        }
        let answered = Instant::now();
        micros.push(u32::try_from((answered - sent).as_micros()).unwrap_or(u32::MAX));
        if answered >= end {
            break;
        }
        sent = answered;
    }
    Ok(micros)
}

/// A kept connection.
struct Connection {
    stream: TcpStream,
    /// Read into again and again; only what [`Connection::ask`] names belongs to the last answer.
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 256 * 1024] })
    }

    /// Sends a request and reads its answer; gives where in the buffer the body is. Any status but 200 is an error.
    async fn ask(&mut self, request: &[u8]) -> Result<Range<usize>> {
        match self.hear(request).await? {
            (200, body) => Ok(body),
            (_, body) => {
                Err(format!("the server answered: {}", String::from_utf8_lossy(&self.buffer[..body.end])).into())
            }
        }
    }

    /// The same with the status, whatever it is.
    async fn hear(&mut self, request: &[u8]) -> Result<(u16, Range<usize>)> {
        let mut sent = 0;
        while sent < request.len() {
            self.stream.writable().await?;
            sent += unless_blocked(self.stream.try_write(&request[sent..]))?.unwrap_or(0);
        }
        let (mut read, mut heard) = (0, None);
        loop {
            self.stream.readable().await?;
            match unless_blocked(self.stream.try_read(&mut self.buffer[read..]))? {
                None => continue,
                Some(0) => return Err("the server hung up, or its answer is too long for this client".into()),
                Some(bytes) => read += bytes,
            }
            if heard.is_none() {
                heard = head(&self.buffer[..read])?;
            }
            if let Some(heard) = heard.clone().filter(|(_, body)| body.end <= read) {
                return Ok(heard);
            }
        }
    }
}

/// The status of an answer and where its body is, once its head is complete.
fn head(read: &[u8]) -> Result<Option<(u16, Range<usize>)>> {
    let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&read[..end])?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    match (status, length) {
        (Some(status), Some(length)) => Ok(Some((status, end + 4..end + 4 + length))),
        _ => Err(format!("the server answered: {}", String::from_utf8_lossy(read)).into()),
    }
}

fn unless_blocked(done: std::io::Result<usize>) -> Result<Option<usize>> {
    match done {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error.into()),
    }
}
