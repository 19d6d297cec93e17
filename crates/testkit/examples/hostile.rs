//! Writes captures of hostile traffic that costs the sensor time, and ordinary captures for comparison.
//!
//!     hostile list                  the names of the shapes
//!     hostile make NAME FOLDER      hostile.pcap and ordinary.pcap, and what is in them as JSON
//!     hostile make NAME FOLDER 0.1  the same with a tenth of the packets
//!
//! `scripts/bench-hostile` runs it.
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "an example's main")]

use std::path::Path;
use std::process::ExitCode;

use bellwether_testkit::{Frame, PcapFormat, hostile_shapes, write_pcap};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["list"] => hostile_shapes().iter().for_each(|shape| println!("{}", shape.name)),
        ["make", name, folder, scale @ ..] => {
            let scale = scale.first().map_or(Ok(1.0), |s| s.parse::<f64>());
            let (Some(shape), Ok(scale)) = (hostile_shapes().into_iter().find(|s| s.name == *name), scale)
            else {
                eprintln!("hostile: no shape {name}, or the scale is not a number");
                return ExitCode::from(2);
            };
            let pair = shape.pair(scale);
            for (file, frames) in [("hostile.pcap", &pair.hostile), ("ordinary.pcap", &pair.ordinary)] {
                if let Err(error) = write(&Path::new(folder).join(file), frames) {
                    eprintln!("hostile: cannot write {file} in {folder}: {error}");
                    return ExitCode::FAILURE;
                }
            }
            let octets: usize = pair.hostile.iter().map(|f| f.bytes.len()).sum();
            println!(
                r#"{{"name":"{name}","against":"{}","bound":{},"packets":{},"octets":{octets}}}"#,
                shape.ordinary.name(),
                shape.bound,
                pair.hostile.len()
            );
        }
        _ => {
            eprintln!("hostile: list | make NAME FOLDER [SCALE]");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn write(path: &Path, frames: &[Frame]) -> std::io::Result<()> {
    std::fs::write(path, write_pcap(frames, PcapFormat::Nano))
}
