//! Honest parties that resemble a fraud.

mod abroad;
mod business;
mod crowd;
mod device;
mod firms_abroad;
mod missed;

use crate::kinds::Kind;

pub(crate) use firms_abroad::{a_call_centre_abroad, a_hotel};

pub(crate) const KINDS: &[&[Kind]] =
    &[abroad::KINDS, firms_abroad::KINDS, device::KINDS, missed::KINDS, crowd::KINDS, business::KINDS];
