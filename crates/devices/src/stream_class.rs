//! The device class of a media stream, or the reason why there is none.

use bellwether_acoustics::{Candidate, Classes, NoClass, Pauses, Recognised};

/// The silence of a stream, as far as it is known.
#[derive(Clone, Debug, Default)]
pub struct StreamSilence {
    /// The noise of its pauses.
    pub pauses: Option<Pauses>,
    /// The reason why there is no noise, by name.
    pub reason: Option<String>,
    /// The codec, by name.
    pub codec: Option<String>,
    /// True if some packets were quiet.
    pub has_quiet_packets: bool,
    /// True if the sender sent comfort noise (RFC 3389) instead of its pauses.
    pub has_comfort_noise: bool,
}

/// The reason why a stream has no device class.
#[derive(Clone, Debug, PartialEq)]
pub enum NoStreamClass {
    /// The payloads of its codec are not read.
    CodecUnsupported(String),
    /// There is no noise, for a reason of the analysis.
    NoNoise(String),
    /// Some packets were quiet, and no level held enough of them.
    TooLittleSilence,
    /// No packet was quiet.
    NoSilence,
    /// There is too little silence, because the sender sent comfort noise (RFC 3389) instead.
    ComfortNoise,
    /// The samples were transcoded on the way: the noise is another device's too.
    Transcoded,
    /// The noise is of no class.
    NoClass(NoClass),
}

impl NoStreamClass {
    /// The words in reports.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::CodecUnsupported(codec) => format!("codec_unsupported: {codec}"),
            Self::NoNoise(reason) => reason.clone(),
            Self::TooLittleSilence => "too_little_silence".to_owned(),
            Self::NoSilence => "no_silence".to_owned(),
            Self::ComfortNoise => "comfort_noise".to_owned(),
            Self::Transcoded => "transcoded".to_owned(),
            Self::NoClass(reason) => reason.words(),
        }
    }
}

/// The class of the device that sends a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamClass {
    /// The class, or the reason why there is none.
    pub class: Result<Recognised, NoStreamClass>,
    /// The classes that may be it, the likeliest first; empty if none fits.
    pub set: Vec<Candidate>,
}

/// Compares the noise of a stream with the classes.
#[must_use]
pub fn stream_class(silence: StreamSilence, classes: &Classes) -> StreamClass {
    let Some(pauses) = silence.pauses else {
        let reason = match (silence.reason, silence.codec) {
            (Some(reason), Some(codec)) if reason == "codec_unsupported" => {
                NoStreamClass::CodecUnsupported(codec)
            }
            (Some(reason), _) => NoStreamClass::NoNoise(reason),
            (None, _) if silence.has_comfort_noise => NoStreamClass::ComfortNoise,
            (None, _) if silence.has_quiet_packets => NoStreamClass::TooLittleSilence,
            (None, _) => NoStreamClass::NoSilence,
        };
        return StreamClass { class: Err(reason), set: Vec::new() };
    };
    let found = classes.compare(&pauses);
    let class = found.result.map_err(|reason| match reason {
        NoClass::UnlikeAll if pauses.is_transcoded() => NoStreamClass::Transcoded,
        NoClass::TooLittleSilence if silence.has_comfort_noise => NoStreamClass::ComfortNoise,
        reason => NoStreamClass::NoClass(reason),
    });
    StreamClass { class, set: found.set }
}

#[cfg(test)]
mod tests {
    use bellwether_acoustics::Steadiness;

    use super::*;
    use crate::classes::tests::pauses;

    #[test]
    fn a_stream_without_a_class_says_why() {
        let none = Classes::new(&[]);
        let why = |silence: StreamSilence| stream_class(silence, &none).class.unwrap_err().reason();
        assert_eq!(why(StreamSilence::default()), "no_silence");
        assert_eq!(
            why(StreamSilence { has_quiet_packets: true, ..StreamSilence::default() }),
            "too_little_silence"
        );
        assert_eq!(
            why(StreamSilence {
                has_quiet_packets: true,
                has_comfort_noise: true,
                ..StreamSilence::default()
            }),
            "comfort_noise"
        );
        let unsupported = StreamSilence {
            reason: Some("codec_unsupported".to_owned()),
            codec: Some("opus".to_owned()),
            ..StreamSilence::default()
        };
        assert_eq!(why(unsupported), "codec_unsupported: opus");
        let heard = StreamSilence { pauses: Some(pauses(100, 4.0)), ..StreamSilence::default() };
        assert_eq!(why(heard), "no_classes_learned");
        let unsteady = |moves| Some(Steadiness { beside: 0.7, beside_speech: 0.7, moves });
        for (moves, reason) in [(0.6, "room"), (0.1, "gain_control")] {
            let pauses = Pauses { steadiness: unsteady(moves), ..pauses(100, 4.0) };
            assert_eq!(why(StreamSilence { pauses: Some(pauses), ..StreamSilence::default() }), reason);
        }
    }
}
