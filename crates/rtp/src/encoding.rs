use std::borrow::Cow;

/// Encoding names in their one spelling, in order of their lower case: those of the registry (RTP Payload Format Media Types, IANA),
/// and a few that programs write though nobody registered them.
const NAMES: [&str; 128] = [
    "1d-interleaved-parityfec",
    "AAL2-G726-16",
    "AAL2-G726-24",
    "AAL2-G726-32",
    "AAL2-G726-40",
    "ac3",
    "AMR",
    "AMR-WB",
    "amr-wb+",
    "aptx",
    "AV1",
    "BMPEG",
    "BT656",
    "BV16",
    "BV32",
    "CelB",
    "clearmode",
    "CN",
    "DAT12",
    "dsr-es201108",
    "dsr-es202050",
    "DV",
    "DVI4",
    "eac3",
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
    "example",
    "flexfec",
    "flexfec-03",
    "fwdred",
    "G711-0",
    "G719",
    "G722",
    "G7221",
    "G723",
    "G726-16",
    "G726-24",
    "G726-32",
    "G726-40",
    "G728",
    "G729",
    "G7291",
    "G729D",
    "G729E",
    "GSM",
    "GSM-EFR",
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
    "ISAC",
    "JPEG",
    "jpeg2000",
    "jxsv",
    "L16",
    "L20",
    "L24",
    "L8",
    "LPC",
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
    "VMR-WB",
    "VP8",
    "VP9",
];

/// The one spelling of an encoding name, whose case means nothing (RFC 8866 section 6.6, RFC 4855 section 3): that of the registry,
/// and small letters for a name that nobody registered.
#[must_use]
pub fn encoding_name(spelled: &str) -> Cow<'static, str> {
    let lower = spelled.to_ascii_lowercase();
    let known = |name: &&str| name.bytes().map(|b| b.to_ascii_lowercase()).cmp(lower.bytes());
    match NAMES.binary_search_by(|name| known(&name)) {
        Ok(place) => NAMES.get(place).map_or(Cow::Owned(lower), |name| Cow::Borrowed(*name)),
        Err(_) => Cow::Owned(lower),
    }
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
        assert_eq!((encoding_name("PCM"), encoding_name("")), ("pcm".into(), "".into()));
    }
}
