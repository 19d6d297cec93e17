//! Kinds of fraud.

mod accounts;
mod drive;
mod gateway;
mod pool;
mod pumping;
mod ring;
mod scan;
mod toll;

use crate::kinds::Kind;

pub(crate) const KINDS: &[&[Kind]] =
    &[toll::KINDS, accounts::KINDS, pool::KINDS, scan::KINDS, ring::KINDS, gateway::KINDS, pumping::KINDS];
