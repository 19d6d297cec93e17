//! Hardware timestamping abilities of an interface (ethtool's ioctl; linux/ethtool.h, linux/net_tstamp.h).
#![expect(unsafe_code, reason = "no library in use asks a driver for its timestamping abilities")]

use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;

/// `SIOCETHTOOL`, and its command for timestamping information.
const ETHTOOL: libc::Ioctl = 0x8946;
const GET_TS_INFO: u32 = 0x41;

/// `SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE`.
const STAMPS_RECEIVED: u32 = 1 << 2 | 1 << 6;
/// `HWTSTAMP_FILTER_ALL` as a bit. Some NICs timestamp only packets of a time protocol.
const ANY_PACKET: u32 = 1 << 1;

/// `struct ethtool_ts_info`.
#[repr(C)]
#[derive(Default)]
struct TimeStamping {
    command: u32,
    kinds: u32,
    clock: i32,
    sent: u32,
    reserved: [u32; 3],
    received: u32,
    reserved_too: [u32; 3],
}

/// True if the NIC timestamps every received packet.
#[must_use]
pub fn stamps_all(interface: &str) -> bool {
    // The ioctl needs some socket; this one carries no data.
    let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) else { return false };
    let mut found = TimeStamping { command: GET_TS_INFO, ..TimeStamping::default() };
    // SAFETY: a request is numbers and a pointer, for which zeros are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last octet stays zero, so the name is always terminated.
    if interface.len() >= request.ifr_name.len() {
        return false;
    }
    for (to, from) in request.ifr_name.iter_mut().zip(interface.bytes()) {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_data = (&raw mut found).cast();
    // SAFETY: the descriptor is open; the kernel reads the request and writes one `TimeStamping` through its
    // pointer, and both outlive the call.
    let answer = unsafe { libc::ioctl(socket.as_raw_fd(), ETHTOOL, &raw mut request) };
    answer == 0 && found.kinds & STAMPS_RECEIVED == STAMPS_RECEIVED && found.received & ANY_PACKET != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_hardware_stamps_what_stays_in_the_machine() {
        assert!(!stamps_all("lo"));
        assert!(!stamps_all("no-such-interface"));
        assert!(!stamps_all("a-name-that-no-interface-may-have"));
    }
}
