//! The service manager, if there is one (`sd_notify(3)`).

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use sd_notify::NotifyState;

/// The program is ready.
pub fn ready() {
    notify(NotifyState::Ready);
}

/// The program is alive.
pub(crate) fn alive() {
    notify(NotifyState::Watchdog);
}

fn notify(state: NotifyState<'_>) {
    // A manager that does not listen is no error of the program.
    let _ = match std::env::var_os("NOTIFY_SOCKET").as_deref().map(OsStr::as_encoded_bytes) {
        // The library sd-notify takes an abstract name for a path.
        Some([b'@', name @ ..]) => SocketAddr::from_abstract_name(name).and_then(|address| {
            UnixDatagram::unbound()?.send_to_addr(format!("{state}\n").as_bytes(), &address).map(drop)
        }),
        _ => sd_notify::notify(&[state]),
    };
}
