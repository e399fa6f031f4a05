//! What others notice of a crowd that signs in: `cargo bench --bench sign_in`.
//!
//! Two clients read a page of task logs again and again, with a short rest between: alone, beside 200 clients that ask for next to
//! nothing, and beside 200 that sign in with wrong passwords, each from an address of its own. Both crowds come back at the same
//! pace, so the first one shows what so many clients on the same machine take by themselves. It prints how long the readers
//! wait, what became of the sign-ins, and the memory of the server.

#[expect(dead_code, reason = "the other bench asks for more")]
#[path = "../workloads/process.rs"]
mod process;
#[path = "../demo/server.rs"]
mod server;

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use patient_logger::seed::DEMO_PASSWORD;
use serde_json::{Value, json};

use server::Server;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const CROWD: u32 = 200;
const READERS: u32 = 2;
const REST: Duration = Duration::from_millis(5);
const ROUND: Duration = Duration::from_secs(15);
const ROUNDS: u32 = 2;

const PAGE: &str = "{ taskLogs(first: 20) { nodes { description patient { firstName } clinician { name } } } }";
const SIGN_IN: &str = "mutation($input: SignInInput!) { signIn(input: $input) { accessToken userErrors { code } } }";

/// What became of the attempts of the crowd.
#[derive(Default)]
struct Crowd {
    checked: AtomicU32,
    refused: AtomicU32,
    failed: AtomicU32,
    gone: AtomicBool,
}

fn sign_in(client: &reqwest::Client, url: &str, email: &str, password: &str) -> reqwest::RequestBuilder {
    let input = json!({ "email": email, "password": password });
    client.post(url).json(&json!({ "query": SIGN_IN, "variables": { "input": input } }))
}

fn client() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder().no_proxy().build()?)
}

/// How long each page took.
async fn read(url: &str, token: &str) -> Result<Vec<Duration>> {
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let (client, url, token) = (client()?, url.to_owned(), token.to_owned());
        readers.push(tokio::spawn(async move {
            let (mut times, end) = (Vec::new(), Instant::now() + ROUND);
            while Instant::now() < end {
                let began = Instant::now();
                let answer = client.post(&url).bearer_auth(&token).json(&json!({ "query": PAGE })).send().await?;
                let answer: Value = answer.json().await?;
                if answer["data"]["taskLogs"]["nodes"].as_array().is_none_or(Vec::is_empty) {
                    return Err(format!("a page was not answered: {answer}").into());
                }
                times.push(began.elapsed());
                tokio::time::sleep(REST).await;
            }
            Result::Ok(times)
        }));
    }
    let mut times = Vec::new();
    for reader in readers {
        times.extend(reader.await??);
    }
    Ok(times)
}

/// One of a crowd, until it is gone.
async fn press(client: reqwest::Client, url: String, number: u32, signs_in: bool, crowd: Arc<Crowd>) -> Result<()> {
    for attempt in 0.. {
        if crowd.gone.load(Ordering::Relaxed) {
            break;
        }
        let email = format!("nobody-{number}-{attempt}@crowd.example");
        let request = match signs_in {
            true => sign_in(&client, &url, &email, "not the password"),
            false => client.post(&url).json(&json!({ "query": "{ __typename }" })),
        };
        let request = request.header("x-forwarded-for", format!("10.1.{}.{}", number / 250, number % 250));
        let status = request.send().await?.status().as_u16();
        let count = match status {
            200 => &crowd.checked,
            429 | 503 => &crowd.refused,
            _ => &crowd.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
        // As who is refused is told, and nobody at the same moment as all the others.
        tokio::time::sleep(Duration::from_millis((2_000 + number % 100 * 20).into())).await;
    }
    Ok(())
}

async fn bench(server: &Server) -> Result<()> {
    let answer = sign_in(&client()?, &server.url, "clinician@riverside.example", DEMO_PASSWORD).send().await?;
    let answer: Value = answer.json().await?;
    let token = answer["data"]["signIn"]["accessToken"].as_str().ok_or("nobody could sign in")?;
    read(&server.url, token).await?;
    let memory = || process::memory(server.id()).unwrap_or_default();
    let before = memory();

    let (mut alone, mut beside, mut among, mut most) = (Vec::new(), Vec::new(), Vec::new(), before);
    let signing_in = Arc::new(Crowd::default());
    // Made once: making a client takes longer than a request.
    let client = client()?;
    for _ in 0..ROUNDS {
        alone.extend(read(&server.url, token).await?);
        for (times, crowd) in [(&mut beside, Arc::new(Crowd::default())), (&mut among, signing_in.clone())] {
            crowd.gone.store(false, Ordering::Relaxed);
            let signs_in = Arc::ptr_eq(&crowd, &signing_in);
            let press =
                |number| tokio::spawn(press(client.clone(), server.url.clone(), number, signs_in, crowd.clone()));
            let pressing: Vec<_> = (0..CROWD).map(press).collect();
            times.extend(read(&server.url, token).await?);
            most = most.max(memory());
            crowd.gone.store(true, Ordering::Relaxed);
            for one in pressing {
                one.await??;
            }
        }
    }
    let at = |times: &[Duration], part: usize| times[times.len() * part / 100].as_secs_f64() * 1e3;
    println!("{:<32} {:>6} {:>10} {:>10} {:>6}", "readers are", "pages", "p50", "p99", "ratio");
    let mut idle = None;
    for (who, mut times) in
        [("alone", alone), ("beside 200 that ask for nothing", beside), ("beside 200 that sign in", among)]
    {
        times.sort_unstable();
        let (median, slow) = (at(&times, 50), at(&times, 99));
        let ratio = slow / *idle.get_or_insert(slow);
        println!("{who:<32} {:>6} {median:>7.2} ms {slow:>7.2} ms {ratio:>6.2}", times.len());
    }
    let [checked, refused, failed] =
        [&signing_in.checked, &signing_in.refused, &signing_in.failed].map(|count| count.load(Ordering::Relaxed));
    println!(
        "{checked} passwords checked, {refused} told to come back, {failed} failed; memory {before:.0} MB before, {most:.0} MB \
         at most"
    );
    Ok(())
}

fn main() -> Result<()> {
    let server = Server::start("sign-in", &["--trusted-proxies", "127.0.0.0/8"]).map_err(|error| error.to_string())?;
    tokio::runtime::Runtime::new()?.block_on(bench(&server))
}
