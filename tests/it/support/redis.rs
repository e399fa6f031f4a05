use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// A Redis of its own, on a socket, that can be stopped, held and emptied.
pub struct RedisServer {
    directory: PathBuf,
    child: Option<Child>,
}

impl RedisServer {
    /// One that does not run yet.
    pub fn absent() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        // Not under `target`: the path of a socket has at most 107 bytes.
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("patient-logger-redis-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        Self { directory, child: None }
    }

    pub fn url(&self) -> String {
        format!("unix://{}", self.directory.join("socket").display())
    }

    /// Starts it, empty.
    pub fn run(&mut self) {
        let arguments = ["--port", "0", "--unixsocket", "socket", "--save", "", "--appendonly", "no"];
        let mut command = Command::new("redis-server");
        command.args(arguments).arg("--dir").arg(&self.directory).current_dir(&self.directory).stdout(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("redis-server cannot be started ({error}). Install it, such as with `apt-get install redis-server`")
        });
        self.child = Some(child);
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// It answers no more, and keeps its connections.
    pub fn hold(&self) {
        self.signal(Signal::STOP);
    }

    /// Ends [`RedisServer::hold`].
    pub fn release(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it runs");
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    /// Asks it something beside the server under test.
    pub async fn ask<T: redis::FromRedisValue>(&self, command: &[&str]) -> T {
        let client = redis::Client::open(self.url()).unwrap();
        let mut line = client.get_multiplexed_async_connection().await.unwrap();
        redis::cmd(command[0]).arg(&command[1..]).query_async(&mut line).await.unwrap()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Waits until something is so.
#[track_caller]
pub fn until(what: &str, so: impl Fn() -> bool) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        for _ in 0..600 {
            if so() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{place}: after 30 seconds, not {what}");
    }
}
