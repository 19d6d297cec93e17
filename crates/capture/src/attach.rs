//! Interfaces by index. An interface that is removed and created again has the same name and another index,
//! and a packet socket is bound to the index (packet(7)).
#![expect(
    unsafe_code,
    reason = "libpcap cannot rebind a socket or limit a wait, and std has no functions for interfaces"
)]

use std::ffi::CString;
use std::io;
use std::mem::zeroed;
use std::os::fd::AsRawFd;

use pcap::{Active, Capture};

/// The current index of the interface with this name.
pub(crate) fn index_of(interface: &str) -> Option<u32> {
    let name = CString::new(interface).ok()?;
    // SAFETY: the name ends with a zero octet and outlives the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (index != 0).then_some(index)
}

/// Binds an open socket to another interface. Opening a socket needs a privilege and binding does not, so
/// this works after privileges were dropped.
pub(crate) fn bind(capture: &Capture<Active>, index: u32, is_promiscuous: bool) -> io::Result<()> {
    let index = i32::try_from(index).map_err(io::Error::other)?;
    // SAFETY: an address is numbers only, for which zeros are valid.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = index;
    let len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: the descriptor is open while the capture is borrowed, and the kernel reads `len` octets of an
    // address that outlives the call.
    checked(unsafe { libc::bind(capture.as_raw_fd(), (&raw const address).cast(), len) })?;
    if !is_promiscuous {
        return Ok(());
    }
    // SAFETY: a membership is numbers only, for which zeros are valid.
    let mut membership: libc::packet_mreq = unsafe { zeroed() };
    membership.mr_ifindex = index;
    membership.mr_type = libc::PACKET_MR_PROMISC as u16;
    let len = size_of::<libc::packet_mreq>() as libc::socklen_t;
    // SAFETY: as above, for a membership.
    checked(unsafe {
        libc::setsockopt(
            capture.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_ADD_MEMBERSHIP,
            (&raw const membership).cast(),
            len,
        )
    })
}

/// Waits until the kernel has packets or an error for an open socket, up to the timeout. Returns true if it
/// has.
pub(crate) fn waits(capture: &Capture<Active>, milliseconds: i32) -> bool {
    let mut asked = libc::pollfd { fd: capture.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: the descriptor is open while the capture is borrowed, and the kernel writes into one entry,
    // which outlives the call.
    let found = unsafe { libc::poll(&raw mut asked, 1, milliseconds) };
    // A wait interrupted by a signal counts as "packets may be there": the read waits again if there are
    // none.
    found != 0
}

fn checked(answer: i32) -> io::Result<()> {
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
