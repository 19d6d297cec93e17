use bellwether_base::{Counters, Losses};
use bellwether_sip::{Defect, Defects, Message, StartLine};

/// Counters of a worker. Sums over all workers do not depend on their number.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Losses.
    pub losses: Losses,
    requests: [u64; 15],
    responses: std::collections::BTreeMap<u16, u64>,
    defects: Vec<u64>,
    /// SIP messages with an unreadable start line.
    pub unknown_start: u64,
    /// Copies of SIP messages made by the mirror.
    pub sip_duplicates: u64,
    /// SIP messages retransmitted by their sender.
    pub sip_retransmissions: u64,
    /// SIP requests that opened a transaction, by hop.
    pub transactions: u64,
    /// Requests inside a dialog whose INVITE was not seen.
    pub unknown_dialog: u64,
    /// RTP packets.
    pub rtp_packets: u64,
    /// RTCP packets.
    pub rtcp_packets: u64,
    /// Copies of RTCP datagrams made by the mirror.
    pub rtcp_duplicates: u64,
    /// Packets that resemble RTP but never formed a stream.
    pub rtp_unconfirmed: u64,
}

impl Tally {
    pub(crate) fn message(&mut self, message: &Message<'_>, defects: Defects) {
        match message.start() {
            StartLine::Request { method, .. } => {
                if let Some(count) = self.requests.get_mut(method as usize) {
                    *count += 1;
                }
            }
            StartLine::Status { code, .. } => *self.responses.entry(code).or_default() += 1,
            StartLine::Unknown(_) => self.unknown_start += 1,
        }
        if !defects.is_empty() {
            self.defects.resize(Defect::ALL.len(), 0);
            for defect in defects.iter() {
                if let Some(count) = self.defects.get_mut(defect as usize) {
                    *count += 1;
                }
            }
        }
    }

    /// Adds another worker's counters.
    pub fn merge(&mut self, other: &Self) {
        self.losses.merge(&other.losses);
        for (mine, theirs) in self.requests.iter_mut().zip(other.requests) {
            *mine += theirs;
        }
        for (code, n) in &other.responses {
            *self.responses.entry(*code).or_default() += n;
        }
        self.defects.resize(Defect::ALL.len(), 0);
        for (mine, theirs) in self.defects.iter_mut().zip(&other.defects) {
            *mine += theirs;
        }
        self.unknown_start += other.unknown_start;
        self.sip_duplicates += other.sip_duplicates;
        self.sip_retransmissions += other.sip_retransmissions;
        self.transactions += other.transactions;
        self.unknown_dialog += other.unknown_dialog;
        self.rtp_packets += other.rtp_packets;
        self.rtcp_packets += other.rtcp_packets;
        self.rtcp_duplicates += other.rtcp_duplicates;
        self.rtp_unconfirmed += other.rtp_unconfirmed;
    }

    /// All SIP messages.
    #[must_use]
    pub fn sip_messages(&self) -> u64 {
        self.requests.iter().sum::<u64>() + self.responses.values().sum::<u64>() + self.unknown_start
    }

    /// Writes all values as named counters.
    pub fn report(&self, counters: &mut Counters) {
        self.losses.report(counters);
        for method in bellwether_sip::Method::ALL {
            counters.add("request", method.name(), self.requests.get(method as usize).copied().unwrap_or(0));
        }
        for (code, n) in &self.responses {
            counters.add("response", status_name(*code), *n);
        }
        for (defect, n) in Defect::ALL.iter().zip(&self.defects) {
            counters.add("defect", defect.name(), *n);
        }
        counters.add("sip", "messages", self.sip_messages());
        counters.add("sip", "unknown_start_line", self.unknown_start);
        counters.add("sip", "duplicates", self.sip_duplicates);
        counters.add("sip", "retransmissions", self.sip_retransmissions);
        counters.add("sip", "transactions", self.transactions);
        counters.add("sip", "unknown_dialog", self.unknown_dialog);
        counters.add("media", "rtp_packets", self.rtp_packets);
        counters.add("media", "rtcp_packets", self.rtcp_packets);
        counters.add("media", "rtcp_duplicates", self.rtcp_duplicates);
        counters.add("media", "rtp_unconfirmed", self.rtp_unconfirmed);
    }
}

/// The status code as text, or one name for all invalid codes. Counters need static names, so the text of all
/// codes is built once.
fn status_name(code: u16) -> &'static str {
    static NAMES: std::sync::OnceLock<Vec<String>> = std::sync::OnceLock::new();
    let names = NAMES.get_or_init(|| (100..700).map(|code: u16| code.to_string()).collect());
    let place = code.checked_sub(100).and_then(|place| names.get(usize::from(place)));
    place.map_or("invalid", String::as_str)
}
