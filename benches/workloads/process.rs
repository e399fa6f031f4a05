//! Processor time and memory of processes, from `/proc`; `None` where the system has none.

use std::fs;
use std::time::Duration;

/// Linux counts processor time in hundredths of a second for everybody outside the kernel.
const TICKS_PER_SECOND: f64 = 100.0;

/// What `/proc/<pid>/stat` tells.
struct Stat {
    parent: u32,
    own: u64,
    ended_children: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; after it come numbers.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Stat {
        parent: u32::try_from(number(1)?).ok()?,
        own: number(11)? + number(12)?,
        ended_children: number(13)? + number(14)?,
    })
}

fn time(ticks: u64) -> Duration {
    Duration::from_secs_f64(ticks as f64 / TICKS_PER_SECOND)
}

/// The process that started this one.
pub(crate) fn parent(pid: u32) -> Option<u32> {
    stat(pid).map(|stat| stat.parent)
}

/// Processor time of a process.
pub(crate) fn cpu(pid: u32) -> Option<Duration> {
    stat(pid).map(|stat| time(stat.own))
}

/// Processor time of the children of a process that have ended.
pub(crate) fn cpu_of_ended_children(pid: u32) -> Option<Duration> {
    stat(pid).map(|stat| time(stat.ended_children))
}

/// Processor time of a process and of all its children, those that have ended too.
pub(crate) fn cpu_with_children(pid: u32) -> Option<Duration> {
    let Stat { own, ended_children, .. } = stat(pid)?;
    let processes = fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let children = processes.filter_map(stat).filter(|child| child.parent == pid);
    Some(time(own + ended_children + children.map(|child| child.own).sum::<u64>()))
}

/// Processor time that was not idle, of all processors: also what other programs, or other machines on this one, took.
pub(crate) fn busy() -> Option<Duration> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let ticks = text.lines().next()?.split_whitespace().skip(1).map(|ticks| ticks.parse().unwrap_or(0));
    // user, nice, system, idle, waiting, interrupts, soft interrupts, stolen; what follows is counted in user already.
    let ticks: Vec<u64> = ticks.take(8).collect();
    Some(time(ticks.iter().sum::<u64>() - ticks.get(3)? - ticks.get(4)?))
}

/// Memory that a process has in use, in megabytes.
pub(crate) fn memory(pid: u32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kilobytes =
        text.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok())?;
    Some(kilobytes / 1024.0)
}

/// What the processor is called.
pub(crate) fn model() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
