use std::borrow::Cow;

/// Encoding names in their registered spelling, sorted by lower case. The source is the IANA registry of RTP
/// Payload Format Media Types, with a few unregistered names that are in use.
const NAMES: [&str; 141] = [
    "1d-interleaved-parityfec",
    "AAL2-G726-16",
    "AAL2-G726-24",
    "AAL2-G726-32",
    "AAL2-G726-40",
    "AC3",
    "AMR",
    "AMR-WB",
    "AMR-WB+",
    "aptx",
    "AV1",
    "BMPEG",
    "BT656",
    "BV16",
    "BV32",
    "CelB",
    "CELT",
    "CLEARMODE",
    "CN",
    "DAT12",
    "dsr-es201108",
    "dsr-es202050",
    "DV",
    "DVI4",
    "EAC3",
    "encaprtp",
    "EVRC",
    "EVRC-QCP",
    "EVRC0",
    "EVRC1",
    "EVRCB",
    "EVRCB0",
    "EVRCB1",
    "EVRCNW",
    "EVRCNW0",
    "EVRCNW1",
    "EVRCWB",
    "EVRCWB0",
    "EVRCWB1",
    "EVS",
    "flexfec",
    "flexfec-03",
    "fwdred",
    "G711",
    "G711-0",
    "G719",
    "G722",
    "G7221",
    "G7221C",
    "G723",
    "G7231",
    "G726-16",
    "G726-24",
    "G726-32",
    "G726-40",
    "G728",
    "G729",
    "G7291",
    "G729A",
    "G729AB",
    "G729D",
    "G729E",
    "GSM",
    "GSM-EFR",
    "GSM-FR",
    "GSM-HR-08",
    "H261",
    "H263",
    "H263-1998",
    "H263-2000",
    "H264",
    "H264-RCDO",
    "H264-SVC",
    "H265",
    "H266",
    "iLBC",
    "ip-mr_v2.5",
    "iSAC",
    "JPEG",
    "jpeg2000",
    "jxsv",
    "L16",
    "L20",
    "L24",
    "L8",
    "LPC",
    "LPC10",
    "lyra",
    "MELP",
    "MELP1200",
    "MELP2400",
    "MELP600",
    "mobile-xmf",
    "MP1S",
    "MP2P",
    "MP2T",
    "MP4A-LATM",
    "MP4V-ES",
    "MPA",
    "mpa-robust",
    "mpeg4-generic",
    "MPV",
    "nv",
    "opus",
    "parityfec",
    "PCM",
    "PCMA",
    "PCMA-WB",
    "PCMU",
    "PCMU-WB",
    "pointer",
    "QCELP",
    "raw",
    "red",
    "rtploopback",
    "rtx",
    "scip",
    "SILK",
    "SIREN",
    "siren14",
    "siren7",
    "SMPTE292M",
    "SMV",
    "SMV0",
    "speex",
    "t140",
    "t140c",
    "t38",
    "telephone-event",
    "tone",
    "TSVCIS",
    "UEMCLIP",
    "ulpfec",
    "VC1",
    "VDVI",
    "VMR-WB",
    "VP8",
    "VP9",
    "X-G726",
    "x-rtvc1",
    "x-ulpfecuc",
];

/// The canonical spelling of a known encoding name, in any case; none for unknown names.
#[must_use]
pub fn known_encoding(spelled: &str) -> Option<&'static str> {
    let lower = |octet: u8| octet.to_ascii_lowercase();
    let order = |name: &&'static str| name.bytes().map(lower).cmp(spelled.bytes().map(lower));
    NAMES.binary_search_by(order).ok().and_then(|place| NAMES.get(place)).copied()
}

/// The canonical spelling of an encoding name: the registered one, or lower case for an unregistered name.
/// The case has no meaning (RFC 8866 section 6.6, RFC 4855 section 3).
#[must_use]
pub fn encoding_name(spelled: &str) -> Cow<'static, str> {
    known_encoding(spelled).map_or_else(|| Cow::Owned(spelled.to_ascii_lowercase()), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        for name in NAMES {
            assert_eq!(encoding_name(name), name);
            assert_eq!(encoding_name(&name.to_uppercase()), name);
            assert_eq!(encoding_name(&name.to_lowercase()), name);
        }
    }

    #[test]
    fn a_name_that_nobody_registered_has_one_spelling_too() {
        assert_eq!(encoding_name("X-MsRta"), encoding_name("x-msrta"));
        assert_eq!((encoding_name("PCMX"), encoding_name("")), ("pcmx".into(), "".into()));
        assert_eq!((known_encoding("Opus"), known_encoding("2025550101")), (Some("opus"), None));
    }
}
