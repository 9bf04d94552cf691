//! The budget ledger and the audit log, and the acts that write into them alone.

pub(super) mod access;
pub(super) mod anchor;
pub(super) mod ledger_and_log;
pub(super) mod prove;
pub(super) mod renew;
