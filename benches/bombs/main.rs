//! How soon a request that is made to hurt is refused: `cargo bench --bench bombs`.
//!
//! Starts the server with its private PostgreSQL and the demo data as a process of its own, and sends one request of each
//! family of `tests/it/bombs` again and again, as an administrator and as nobody, over one connection. It prints the median and
//! the slowest answer of each family, and the memory of the server before, at its highest, and after. Nothing is asserted but that
//! the server lives.

#[expect(dead_code, reason = "the tests ask for the answers too")]
#[path = "../../tests/it/bombs/families.rs"]
mod families;
#[expect(dead_code, reason = "the other bench asks for more")]
#[path = "../workloads/process.rs"]
mod process;
#[path = "../demo/server.rs"]
mod server;

use std::error::Error;
use std::time::Instant;

use patient_logger::seed::DEMO_PASSWORD;
use serde_json::{Value, json};

use families::bombs;
use server::Server;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Times each family is sent by each sender.
const TIMES: u32 = 20;

async fn send(client: &reqwest::Client, url: &str, token: Option<&str>, body: String) -> Result<(u16, String)> {
    let request = client.post(url).header("content-type", "application/json");
    let request = request.header("accept", "application/graphql-response+json").body(body);
    let request = if let Some(token) = token { request.bearer_auth(token) } else { request };
    let response = request.send().await?;
    Ok((response.status().as_u16(), response.text().await?))
}

async fn bench(server: &Server) -> Result<()> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let query = "mutation($input: SignInInput!) { signIn(input: $input) { accessToken } }";
    let input = json!({ "email": "admin@riverside.example", "password": DEMO_PASSWORD });
    let body = json!({ "query": query, "variables": { "input": input } }).to_string();
    let (_, text) = send(&client, &server.url, None, body).await?;
    let answer: Value = serde_json::from_str(&text)?;
    let token = answer["data"]["signIn"]["accessToken"].as_str().ok_or("nobody could sign in")?;

    let pid = server.id();
    let memory = || process::memory(pid).unwrap_or_default();
    let (before, mut most, mut slowest) = (memory(), 0_f64, 0_f64);
    println!("{:<45} {:>6} {:>6} {:>10} {:>10}", "family", "bytes", "status", "median", "slowest");
    let bombs = bombs();
    for bomb in &bombs {
        let (mut times, mut seen) = (Vec::new(), 0);
        for token in [Some(token), None] {
            for _ in 0..TIMES {
                let body = bomb.body.clone();
                let began = Instant::now();
                let (status, _) = send(&client, &server.url, token, body).await?;
                times.push(began.elapsed());
                seen = if token.is_some() { status } else { seen };
            }
        }
        most = most.max(memory());
        times.sort_unstable();
        let [median, longest] = [times[times.len() / 2], times[times.len() - 1]].map(|time| time.as_secs_f64() * 1e3);
        slowest = slowest.max(longest);
        println!("{:<45} {:>6} {seen:>6} {median:>7.2} ms {longest:>7.2} ms", bomb.name, bomb.body.len());
    }
    let (alive, _) =
        send(&client, &server.url, Some(token), json!({ "query": "{ viewer { id } }" }).to_string()).await?;
    println!("\n{} families, slowest answer {:.2} ms", bombs.len(), slowest);
    println!(
        "memory {before:.0} MB before, {most:.0} MB at most, {:.0} MB after; then 200 OK: {}",
        memory(),
        alive == 200
    );
    Ok(())
}

fn main() -> Result<()> {
    let server = Server::start("bombs", &[])?;
    tokio::runtime::Runtime::new()?.block_on(bench(&server))
}
