//! The audit trail: what is recorded of reads, changes, refusals and sign-ins, and that nothing is answered unrecorded.
//!
//! | file | proves |
//! |---|---|
//! | `reads` | a read names the patients that it showed, and what was refused |
//! | `changes` | a change and its event last together or not at all |
//! | `sign_ins` | who comes, who goes, and who is turned away |
//! | `faults` | when the trail cannot be written, nobody gets an answer |
//! | `killed` | whatever is killed when, each answer that somebody got has its event once |
//! | `canary` | no text of a record gets into the trail, a log or an error |
//!
//! `access::recorded` asks each field of Query and Mutation.

mod canary;
mod changes;
mod faults;
mod killed;
mod reads;
mod sign_ins;
