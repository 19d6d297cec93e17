//! Writes a flood with honest calls in it as a capture to standard output.
//!
//!     cargo run --release -p bellwether-testkit --example flood -- 3600 2000 | bellwether replay -
//!
//! Arguments: duration in seconds, flood packets per second. An honest call begins every ten seconds.
#![expect(clippy::print_stderr, clippy::disallowed_methods, reason = "an example that writes a capture")]

use std::io::{BufWriter, Write};

use bellwether_base::Timestamp;
use bellwether_testkit::{Flood, PcapFormat, write_pcap};

/// Length of a capture file's header in octets.
const FILE_HEADER: usize = 24;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1).map(|a| a.parse::<u64>());
    let (Some(Ok(seconds)), Some(Ok(rate))) = (arguments.next(), arguments.next()) else {
        eprintln!("flood: SECONDS PACKETS-PER-SECOND");
        std::process::exit(2);
    };
    let start = Timestamp::from_nanos(1_790_000_000_000_000_000);
    let mut flood = Flood::new(start, rate, 10, 7);
    let mut out = BufWriter::new(std::io::stdout().lock());
    out.write_all(&write_pcap(&[], PcapFormat::Nano))?;
    let mut call = Vec::new();
    for second in 0..seconds {
        out.write_all(&write_pcap(&flood.second(second, &mut call), PcapFormat::Nano)[FILE_HEADER..])?;
    }
    out.write_all(&write_pcap(&call, PcapFormat::Nano)[FILE_HEADER..])?;
    out.flush()
}
