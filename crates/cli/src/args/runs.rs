//! Arguments of `replay`, `sense` and `doctor`.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use bellwether_sensor::HepAddress;
use clap::{Args, ValueEnum};

#[derive(Args, Debug)]
pub(crate) struct ReplayArgs {
    /// pcap or pcapng files (also .gz and .zst), folders of them, or `-` for standard input; read in time order
    #[arg(value_name = "CAPTURE", required = true)]
    pub(crate) captures: Vec<PathBuf>,
    /// Follow files that are still being written, until SIGINT or SIGTERM
    #[arg(long)]
    pub(crate) follow: bool,
    /// Send alerts to the receivers of the configuration after the last file, as a sensor does
    #[arg(long)]
    pub(crate) alerts: bool,
}

#[derive(Args, Debug)]
pub(crate) struct SenseArgs {
    /// Interface to listen on; repeat for several [default: sense.interfaces of the configuration]
    #[arg(short, long = "interface", value_name = "IFACE")]
    pub(crate) interfaces: Vec<String>,
    /// Address that receives HEP from agents (SBCs, Kamailio, OpenSIPS, FreeSWITCH, Asterisk), such as udp:0.0.0.0:9060;
    /// repeat for several
    #[arg(long, value_name = "udp:HOST:PORT|tcp:HOST:PORT", value_parser = hep_address)]
    pub(crate) hep: Vec<HepAddress>,
    /// Keep only packets that match this capture filter (pcap-filter), and all fragments and tunnels
    #[arg(long, value_name = "EXPRESSION", conflicts_with = "exact_filter")]
    pub(crate) filter: Option<String>,
    /// Keep only packets that match this capture filter; later fragments have no ports, and tunnels hide ports
    #[arg(long, value_name = "EXPRESSION")]
    pub(crate) exact_filter: Option<String>,
    /// Octets kept of each packet
    #[arg(long, value_name = "OCTETS", default_value_t = 262_144,
          value_parser = clap::value_parser!(u32).range(64..=262_144))]
    pub(crate) snap_length: u32,
    /// Size of the kernel's ring for each socket
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=2047))]
    pub(crate) ring_mib: u32,
    /// Sockets per interface, each with a thread
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) sockets: u16,
    /// Capture only frames to this station, without promiscuous mode
    #[arg(long)]
    pub(crate) no_promiscuous: bool,
    /// Clock of the timestamps; a NIC must stamp every packet, and phc2sys must synchronise the NIC's clock
    #[arg(long, value_enum, default_value_t)]
    pub(crate) stamps: StampsBy,
    /// Stop after this time, such as 90s, 15m or 24h
    #[arg(long, value_name = "TIME", value_parser = crate::when::duration)]
    pub(crate) duration: Option<std::time::Duration>,
}

#[derive(ValueEnum, Clone, Copy, Debug, Default)]
pub(crate) enum StampsBy {
    /// The kernel's clock, at the arrival in the kernel
    #[default]
    Kernel,
    /// The NIC's clock, at the arrival on the wire
    Nic,
}

#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    /// Interface to check; repeat for several
    #[arg(short, long = "interface", value_name = "IFACE")]
    pub(crate) interfaces: Vec<String>,
}

fn hep_address(text: &str) -> Result<HepAddress, String> {
    let (kind, host): (fn(SocketAddr) -> HepAddress, &str) = match text.split_once(':') {
        Some(("udp", host)) => (HepAddress::Udp, host),
        Some(("tcp", host)) => (HepAddress::Tcp, host),
        _ => return Err("the address must begin with udp: or tcp:".to_owned()),
    };
    let found = host.to_socket_addrs().map_err(|e| format!("{host}: {e}"))?.next();
    found.map(kind).ok_or_else(|| format!("{host} has no address"))
}
