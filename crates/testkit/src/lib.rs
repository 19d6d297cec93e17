//! Known truth for tests: seeded dialogues, skewed clocks, noise and speech models, network emulation, and
//! the captures that they would leave at a mirror port.
//!
//! Everything follows from a seed; nothing here reads a clock or the system's random numbers.

mod capture;
mod clock;
mod device;
mod dialogue;
mod flood;
mod hostile;
mod network;
mod rng;
mod schema;
mod sound;
mod world;

pub use capture::{
    Frame, PcapFormat, as_hep, as_web_socket, fragment, in_erspan, in_vxlan, tcp_frame, udp_frame, with_vlan,
    write_pcap,
};
pub use clock::{Cycle, Delay, Discipline, Timer};
pub use device::{DeviceMode, Impairment, PAPERS_DEVICES, Speaker, spoken_call, voiced_call};
pub use dialogue::{Agent, Call, Registration, Talk};
pub use flood::Flood;
pub use hostile::{
    Ordinary as HostilePartner, Pair as HostilePair, Shape as HostileShape, shapes as hostile_shapes,
};
pub use network::{Network, shuffle_within};
pub use rng::Rng;
pub use schema::violations;
pub use sound::{Microphone, Voice};
pub use world::{Kind as WorldKind, Media as WorldMedia, WORLD_CONFIG, World, WorldOptions};
