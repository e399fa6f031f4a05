//! The audit trail as a whole: what is asked of it is what was done, and what is done to it is found.
//!
//! | file | proves |
//! |---|---|
//! | `queries` | who may ask, and that the answers hold at any moment of sealing and posting |
//! | `month` | a month in two hospitals, told by the API as it was |
//! | `tampering` | whatever is changed, removed or added is named |
//!
//! `recorded` proves what gets into the trail.

mod month;
mod queries;
mod tampering;
