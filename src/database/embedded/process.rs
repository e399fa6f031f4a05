//! Child processes: as whom they run, and that none of them outlives us.

use std::{
    fs::{self, File},
    io,
    os::unix::{
        fs::{MetadataExt, fchown, lchown},
        process::CommandExt,
    },
    path::Path,
    process::{Command, ExitStatus},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::EmbeddedError;

/// How long a server may take to write everything down after it was told to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// An account by its numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
}

/// As whom PostgreSQL runs. It refuses to be root, so root needs a way out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Identity {
    /// As the user who started us.
    Caller,
    /// Way 1 for root: in a user namespace of its own, where our uid is called by this other number. Outside nothing
    /// changes: files stay root's, and directories only root can enter work.
    Namespace(Account),
    /// Way 2 for root: as this account, which then owns the data directory and has to be able to reach it.
    Account(Account),
}

impl Identity {
    /// Root takes the account that owns the data directory; where root owns it, a user namespace if the kernel grants one
    /// (containers often forbid it), else an account that has no rights.
    pub(super) fn choose(data_dir: &Path, user_namespace: bool) -> Result<Self, EmbeddedError> {
        if !geteuid().is_root() {
            return Ok(Self::Caller);
        }
        let owner = fs::metadata(data_dir).map_err(|error| EmbeddedError::DataDir(data_dir.to_owned(), error))?;
        if owner.uid() != 0 {
            return Ok(Self::Account(Account { uid: owner.uid(), gid: owner.gid() }));
        }
        let account = unprivileged_account()
            .ok_or_else(|| EmbeddedError::Root("there is no account `postgres` or `nobody`".to_owned()))?;
        let namespace = Self::Namespace(account);
        if cfg!(target_os = "linux")
            && user_namespace
            && command("true", namespace).status().is_ok_and(|status| status.success())
        {
            return Ok(namespace);
        }
        // Can the process become that account, and can the account come to the data directory?
        let (account, place) = (Self::Account(account), data_dir.parent().unwrap_or(data_dir));
        match command("true", account).current_dir(place).status() {
            Ok(_) => Ok(account),
            Err(error) => Err(EmbeddedError::Root(format!(
                "user namespaces are forbidden, and the account `postgres` or `nobody` cannot enter {} ({error})",
                place.display()
            ))),
        }
    }

    /// Gives a file or directory that we made to the account that the server runs as.
    pub(super) fn give(self, file: &File) -> io::Result<()> {
        match self {
            Self::Account(Account { uid, gid }) => fchown(file, Some(uid), Some(gid)),
            Self::Caller | Self::Namespace(_) => Ok(()),
        }
    }

    /// Gives a whole tree to that account if it is root's, as after an earlier run in a user namespace. A tree that is the
    /// account's own is not walked: there the account could lead us to files that are not its own.
    pub(super) fn give_tree(self, path: &Path) -> io::Result<()> {
        let found = fs::symlink_metadata(path)?;
        if let Self::Account(Account { uid, gid }) = self
            && found.uid() == 0
        {
            if found.is_dir() {
                for entry in fs::read_dir(path)? {
                    self.give_tree(&entry?.path())?;
                }
            }
            // The directory goes last: until then only root comes in.
            lchown(path, Some(uid), Some(gid))?;
        }
        Ok(())
    }
}

/// PostgreSQL looks its own name up, so the number has to be one that `/etc/passwd` knows.
fn unprivileged_account() -> Option<Account> {
    let passwd = fs::read_to_string("/etc/passwd").ok()?;
    ["postgres", "nobody"].iter().find_map(|wanted| {
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            let (name, _password) = (fields.next()?, fields.next()?);
            let account = Account { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? };
            (name == *wanted && account.uid != 0).then_some(account)
        })
    })
}

/// A command that runs as `identity`, dies with us, and listens to no setting of our user's own PostgreSQL.
pub(super) fn command(program: impl AsRef<Path>, identity: Identity) -> Command {
    let mut command = Command::new(program.as_ref());
    for variable in ["PGDATA", "PGPORT", "PGUSER", "PGOPTIONS", "PGDATESTYLE", "PGCLIENTENCODING", "PGTZ"] {
        command.env_remove(variable);
    }
    // Messages in English, for the few we read. A process group of its own, so that Ctrl-C reaches us alone and requests
    // under way can end. A directory that every account can enter.
    command.env("LC_ALL", "C").process_group(0).current_dir("/");
    if let Identity::Account(Account { uid, gid }) = identity {
        command.uid(uid).gid(gid);
    }
    // Its whole range is this one number: our uid outside is that of the account inside.
    let uid_map = match identity {
        Identity::Namespace(account) => Some(format!("{} {} 1", account.uid, geteuid().as_raw())),
        Identity::Caller | Identity::Account(_) => None,
    };
    before_exec(&mut command, uid_map);
    command
}

/// What only the new process itself can do: enter the user namespace, and ask for a signal at our death.
///
/// The signal is SIGINT, PostgreSQL's fast shutdown. It comes when the *thread* that started the process ends: see
/// [`Server::spawn`].
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "no safe interface runs anything between fork and exec")]
fn before_exec(command: &mut Command, uid_map: Option<String>) {
    use rustix::{
        fs::{Mode, OFlags, open},
        process::{getppid, set_parent_process_death_signal},
        thread::{UnshareFlags, unshare_unsafe},
    };

    let parent = Pid::from_raw(std::process::id().cast_signed());
    let prepare = move || -> io::Result<()> {
        if let Some(uid_map) = &uid_map {
            // SAFETY: a new user namespace shares no file descriptors and no memory with anyone else.
            unsafe { unshare_unsafe(UnshareFlags::NEWUSER)? };
            let file = open(c"/proc/self/uid_map", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
            rustix::io::write(&file, uid_map.as_bytes())?;
        }
        // After the namespace: a change of credentials clears it.
        set_parent_process_death_signal(Some(Signal::INT))?;
        // We may have died before the line above.
        if getppid() == parent { Ok(()) } else { Err(rustix::io::Errno::SRCH.into()) }
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed. `prepare` makes plain system calls on memory
    // that was filled before the fork; it does not allocate, lock or panic.
    unsafe { command.pre_exec(prepare) };
}

/// Other systems have neither.
#[cfg(not(target_os = "linux"))]
fn before_exec(_command: &mut Command, _uid_map: Option<String>) {}

/// A server that this process started.
#[derive(Debug)]
pub(super) struct Server {
    pid: Pid,
    stopping: Arc<AtomicBool>,
    watcher: JoinHandle<io::Result<ExitStatus>>,
}

impl Server {
    /// Starts the server from a thread of its own, which then waits for it. The thread lives as long as the server does,
    /// as the signal at our death is tied to it.
    pub(super) fn spawn(mut command: Command) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let stopping = Arc::new(AtomicBool::new(false));
        let expected = Arc::clone(&stopping);
        let watcher = thread::Builder::new().name("postgres".to_owned()).spawn(move || {
            // An error reaches the caller below, by joining.
            let mut child = command.spawn()?;
            // Our copy of the lock goes: from here the server alone holds it.
            drop(command);
            // Nobody receives any more only when the caller is gone, and then the process is ending.
            let _ = sender.send(child.id());
            let status = child.wait()?;
            if !expected.load(Ordering::Relaxed) {
                tracing::error!(%status, "the embedded PostgreSQL ended by itself; its server.log says why");
            }
            Ok(status)
        })?;
        let started = receiver.recv().ok().and_then(|id| Pid::from_raw(id.cast_signed()));
        match started {
            Some(pid) => Ok(Self { pid, stopping, watcher }),
            None => Err(match watcher.join() {
                Ok(Err(error)) => error,
                _ => io::Error::other("the thread that starts it ended"),
            }),
        }
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.watcher.is_finished()
    }

    /// Fast shutdown, and an immediate one if that takes too long. Nothing committed is lost by either.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        for signal in [Signal::INT, Signal::QUIT] {
            if !self.has_ended() && kill_process(self.pid, signal).is_ok() {
                let deadline = Instant::now() + STOP_TIMEOUT;
                while !self.has_ended() && Instant::now() < deadline {
                    thread::sleep(Duration::from_millis(5));
                }
            }
        }
    }
}
