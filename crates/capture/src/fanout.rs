//! Several sockets on one interface, each with a part of the flows (packet(7), `PACKET_FANOUT`).
#![expect(unsafe_code, reason = "libpcap has no call for it, so the socket option is set directly")]

use std::io;
use std::os::fd::AsRawFd;

use pcap::{Active, Capture};

/// Puts a socket into the group of this number; the kernel spreads flows, both directions together, over its
/// members. Fragments are put together first, so that they follow their flow.
pub(crate) fn join(capture: &Capture<Active>, group: u16) -> io::Result<()> {
    let mode = libc::PACKET_FANOUT_HASH | libc::PACKET_FANOUT_FLAG_DEFRAG;
    let value = u32::from(group) | (mode << 16);
    let len = libc::socklen_t::try_from(size_of::<u32>()).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open for as long as the capture is borrowed, and the kernel reads `len` octets
    // of a number that outlives the call.
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
