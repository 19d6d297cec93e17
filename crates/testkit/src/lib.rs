//! Generates test traffic with known ground truth. The models cover SIP dialogues, skewed clocks, noise and speech,
//! network impairments, and the captures of a mirror port.
//!
//! Every result follows from a seed. This crate must never know a clock or the system's random numbers, and no
//! product crate may use it.
//!
//! ```
//! use bellwether_base::{Ppm, Span, Timestamp};
//! use bellwether_testkit::{Delay, Discipline, Rng, Timer};
//!
//! let timer = Timer {
//!     period: Span::from_secs(60),
//!     skew: Ppm(-50.0),
//!     discipline: Discipline::Periodic,
//!     delay: Delay::None,
//!     round_trip: Span::from_millis(20),
//!     lateness: Span::from_nanos(0),
//! };
//! let refreshes = |seed| timer.refreshes(Timestamp::from_nanos(0), 100, &mut Rng::new(seed));
//! assert_eq!(refreshes(1), refreshes(1));
//! // A slow clock is late.
//! assert!(refreshes(1)[99].since(Timestamp::from_nanos(0)) > Span::from_secs(99 * 60));
//! ```

mod capture;
mod clock;
mod device;
mod dialogue;
mod draw;
mod flood;
mod hostile;
mod network;
mod rng;
mod runs;
mod schema;
mod sound;
mod surroundings;
mod syllables;
mod world;

pub use capture::{
    Frame, PcapFormat, as_hep, as_web_socket, fragment, in_erspan, in_vxlan, tcp_frame, udp_frame, with_vlan,
    write_pcap,
};
pub use clock::{Cycle, Delay, Discipline, Timer};
pub use device::{DeviceMode, Impairment, PAPERS_DEVICES, Speaker, spoken_call, voiced_call};
pub use dialogue::{Agent, Call, Registration, Talk};
pub use draw::Draw;
pub use flood::Flood;
pub use hostile::{
    Ordinary as HostilePartner, Pair as HostilePair, Shape as HostileShape, shapes as hostile_shapes,
};
pub use network::{Network, shuffle_within};
pub use rng::Rng;
pub use runs::{chosen, first_seed};
pub use schema::violations;
pub use sound::{Microphone, Voice};
pub use surroundings::Surroundings;
pub use syllables::spoken_syllables;
pub use world::{Kind as WorldKind, Media as WorldMedia, WORLD_CONFIG, World, WorldOptions};
