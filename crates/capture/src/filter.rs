//! Extends capture filters so that they do not drop fragments and tunnels.

/// Traffic that a port filter cannot match: later fragments have no ports, and the content of a tunnel is not
/// visible to the filter.
const ALWAYS: [&str; 8] = [
    "ip[6:2] & 0x1fff != 0",
    "ip6 proto 44",
    "ip proto 4 or ip proto 41 or ip proto 47 or ip proto 97 or ip proto 115 or ip proto 137",
    "ip6 proto 4 or ip6 proto 41 or ip6 proto 47 or ip6 proto 97 or ip6 proto 115 or ip6 proto 137",
    "udp dst port 4789 or udp dst port 4790 or udp dst port 8472 or udp dst port 6081",
    "udp dst port 2152 or udp dst port 1701 or udp dst port 37008 or udp dst port 6635",
    "ether proto 0x8847 or ether proto 0x8848 or ether proto 0x8864",
    "ether proto 0x8926 or ether proto 0x893f or ether proto 0x88e7",
];

/// Extends the filter by fragments and tunnels, with and without a VLAN tag. The tag is the last term,
/// because in libpcap's language `vlan` shifts the offsets of all later terms.
pub(crate) fn widened(text: &str) -> String {
    let kept = ALWAYS.iter().fold(format!("({text})"), |all, more| format!("{all} or ({more})"));
    format!("{kept} or (vlan and ({kept}))")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(text: &str) -> pcap::BpfProgram {
        pcap::Capture::dead(pcap::Linktype::ETHERNET).unwrap().compile(&widened(text), true).unwrap()
    }

    fn frame(kind: [u8; 2], fragment: [u8; 2], protocol: u8, ports: [u8; 4]) -> Vec<u8> {
        let mut out = vec![0; 12];
        out.extend(kind);
        out.extend([
            0x45,
            0,
            0,
            40,
            0,
            1,
            fragment[0],
            fragment[1],
            64,
            protocol,
            0,
            0,
            10,
            0,
            0,
            1,
            10,
            0,
            0,
            2,
        ]);
        out.extend(ports);
        out.resize(74, 0);
        out
    }

    #[test]
    fn a_filter_for_sip_keeps_fragments_tunnels_and_tagged_frames() {
        let sip = program("udp port 5060");
        let (ip, whole) = ([8, 0], [0, 0]);
        let (to_sip, to_dns, to_vxlan) = ([0, 1, 0x13, 0xc4], [0, 1, 0, 53], [0, 1, 0x12, 0xb5]);
        assert!(sip.filter(&frame(ip, whole, 17, to_sip)));
        assert!(!sip.filter(&frame(ip, whole, 17, to_dns)));
        assert!(sip.filter(&frame(ip, [0, 7], 17, to_dns)), "a later fragment");
        assert!(sip.filter(&frame(ip, whole, 47, to_dns)), "GRE");
        assert!(sip.filter(&frame(ip, whole, 17, to_vxlan)), "VXLAN");
        assert!(sip.filter(&frame([0x88, 0x47], whole, 17, to_dns)), "MPLS");
        for (inner, is_kept) in [(to_sip, true), (to_dns, false), (to_vxlan, true)] {
            let mut tagged = frame(ip, whole, 17, inner);
            tagged.splice(12..12, [0x81, 0, 0, 7]);
            assert_eq!(sip.filter(&tagged), is_kept);
        }
    }
}
