//! The fuzz targets, one file per component.

mod capture;
mod files;
mod fragments;
pub(crate) mod frames;
mod hep;
mod identity;
mod media;
mod sip;
mod sound;
mod stir;
mod streams;
mod tcp;
mod websocket;
mod wire;

/// One fuzz target.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, also of its folders in `corpus/` and `findings/`.
    pub name: &'static str,
    /// Takes any octets and panics if a law does not hold.
    pub run: fn(&[u8]),
    /// Maximum useful length of an input.
    pub longest: usize,
}

const fn new(name: &'static str, run: fn(&[u8]), longest: usize) -> Target {
    Target { name, run, longest }
}

/// All targets.
pub const TARGETS: &[Target] = &[
    new("wire", wire::run, 2048),
    new("fragments", fragments::run, 512),
    new("tcp", tcp::run, 512),
    new("hep", hep::run, 2048),
    new("websocket", websocket::run, 2048),
    new("sip", sip::message, 4096),
    new("sip_values", sip::values, 1024),
    new("sdp", sip::description, 2048),
    new("fingerprint", identity::prints, 4096),
    new("signatures", identity::signatures, 2048),
    new("instance", identity::instances, 4096),
    new("media", media::packets, 1024),
    new("srtp", media::sealed, 1024),
    new("stir", stir::run, 4096),
    new("sound", sound::run, 8192),
    new("capture", capture::run, 4096),
    new("files", files::run, 4096),
    new("streams", streams::run, 8192),
    new("frames", frames::run, 16_384),
];

/// Finds a target by its name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
