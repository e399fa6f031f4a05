//! How many files and connections the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is open beside the connections of clients and to PostgreSQL: log, keys, Redis, mail, and some to spare.
const OTHERS: u64 = 64;

/// Sees to it that so many connections can be open beside `more` files, and gives how many it will be. Most systems let a process
/// open 1,024 files, and more when it asks for them.
pub(super) fn room_for(connections: u32, more: u64) -> usize {
    let more = more + OTHERS;
    let wanted = u64::from(connections) + more;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = Rlimit { current: Some(limit.maximum.map_or(wanted, |most| most.min(wanted))), ..limit };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            limit = raised;
        }
    }
    let files = limit.current.unwrap_or(u64::MAX).min(wanted);
    if files < wanted {
        tracing::warn!(
            files,
            wanted,
            "the system lets the server open {files} files: MAX_CONNECTIONS wants {wanted} (`ulimit -Hn`)"
        );
    }
    usize::try_from(files.saturating_sub(more).max(1)).unwrap_or(usize::MAX)
}
