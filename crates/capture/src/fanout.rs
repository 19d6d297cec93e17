//! Several sockets on one interface that share its flows (packet(7), `PACKET_FANOUT`).
#![expect(unsafe_code, reason = "libpcap has no call for it, so the socket option is set directly")]

use std::io;
use std::os::fd::AsRawFd;

use pcap::{Active, Capture};

/// Adds a socket to a fanout group. The kernel distributes flows over the members, both directions of a flow
/// to the same one. It reassembles fragments first, so that they stay with their flow.
pub(crate) fn join(capture: &Capture<Active>, group: u16) -> io::Result<()> {
    let mode = libc::PACKET_FANOUT_HASH | libc::PACKET_FANOUT_FLAG_DEFRAG;
    let value = u32::from(group) | (mode << 16);
    let len = libc::socklen_t::try_from(size_of::<u32>()).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open while the capture is borrowed, and the kernel reads `len` octets of a
    // number that outlives the call.
    let done = unsafe {
        libc::setsockopt(
            capture.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_FANOUT,
            (&raw const value).cast(),
            len,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
