//! The TN authorization list of a certificate (RFC 8226 section 9): which numbers, or which provider, a signer may speak for.

use x509_cert::der::asn1::{AnyRef, Ia5StringRef, ObjectIdentifier};
use x509_cert::der::{Decode, Reader, SliceReader, Tag, TagNumber};

/// `id-pe-TNAuthList` (RFC 8226 section 9).
pub(crate) const OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.26");

/// Most digits of a number in a list (RFC 8226 section 9, `TelephoneNumber`).
const MAX_DIGITS: usize = 15;

/// Relation of a certificate's authorization list to one number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Coverage {
    /// The certificate has no list, or none that RFC 8226 allows.
    NoList,
    /// The list holds the number.
    Number,
    /// The list names service providers by their codes. The providers' numbers are not in the certificate.
    Provider(Vec<String>),
    /// The list holds numbers only, and not this one.
    Outside,
}

/// One entry (RFC 8226 section 9, `TNEntry`).
#[derive(Clone, PartialEq, Eq, Debug)]
enum Entry {
    /// A service provider code: an operating company number, a service profile identifier.
    Provider(String),
    /// `count` numbers from `start` on.
    Range { start: String, count: u64 },
    /// One number.
    Number(String),
}

/// The entries in the order of the certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TnAuthList(Vec<Entry>);

impl TnAuthList {
    /// Reads the extension's value. Returns none if it is not what RFC 8226 asks for.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let mut outer = SliceReader::new(der).ok()?;
        let list = AnyRef::decode(&mut outer).ok()?;
        if list.header().tag() != Tag::Sequence || !outer.is_finished() {
            return None;
        }
        let mut reader = SliceReader::new(list.value()).ok()?;
        let mut entries = Vec::new();
        while !reader.is_finished() {
            entries.push(entry(AnyRef::decode(&mut reader).ok()?)?);
        }
        (!entries.is_empty()).then_some(Self(entries))
    }

    /// Relation to a number, which is digits from the country code on.
    pub(crate) fn coverage(&self, digits: &str) -> Coverage {
        if self.0.iter().any(|entry| entry.holds(digits)) {
            return Coverage::Number;
        }
        let codes: Vec<String> = self.0.iter().filter_map(Entry::provider).map(str::to_owned).collect();
        if codes.is_empty() { Coverage::Outside } else { Coverage::Provider(codes) }
    }
}

impl Entry {
    fn holds(&self, digits: &str) -> bool {
        match self {
            Self::Provider(_) => false,
            Self::Number(number) => number == digits,
            Self::Range { start, count } => {
                let value = |text: &str| text.parse::<u64>().ok().filter(|_| text.len() == start.len());
                value(start)
                    .zip(value(digits))
                    .is_some_and(|(first, number)| number.checked_sub(first).is_some_and(|n| n < *count))
            }
        }
    }

    fn provider(&self) -> Option<&str> {
        match self {
            Self::Provider(code) => Some(code),
            Self::Range { .. } | Self::Number(_) => None,
        }
    }
}

/// The module of RFC 8226 has explicit tags, so that each choice wraps its type.
fn entry(any: AnyRef<'_>) -> Option<Entry> {
    let choice = |number: u32| Tag::ContextSpecific { constructed: true, number: TagNumber(number) };
    let tag = any.header().tag();
    if tag == choice(0) {
        return Ia5StringRef::from_der(any.value())
            .ok()
            .map(|code| Entry::Provider(code.as_str().to_owned()));
    }
    if tag == choice(1) {
        let range =
            AnyRef::from_der(any.value()).ok().filter(|range| range.header().tag() == Tag::Sequence)?;
        let mut reader = SliceReader::new(range.value()).ok()?;
        let start = number(Ia5StringRef::decode(&mut reader).ok()?)?;
        // Fields behind the count are an extension of the type.
        let count = u64::decode(&mut reader).ok().filter(|count| *count >= 2)?;
        return Some(Entry::Range { start, count });
    }
    if tag == choice(2) {
        return number(Ia5StringRef::from_der(any.value()).ok()?).map(Entry::Number);
    }
    None
}

fn number(text: Ia5StringRef<'_>) -> Option<String> {
    let text = text.as_str();
    let is_number = (1..=MAX_DIGITS).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'*' | b'#'));
    is_number.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A value with a tag of one octet and a length below 128.
    fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(value.len()).unwrap()], value].concat()
    }

    fn list(entries: &[Vec<u8>]) -> Option<TnAuthList> {
        TnAuthList::read(&tlv(0x30, &entries.concat()))
    }

    fn provider(code: &str) -> Vec<u8> {
        tlv(0xa0, &tlv(0x16, code.as_bytes()))
    }

    fn range(start: &str, count: &[u8]) -> Vec<u8> {
        tlv(0xa1, &tlv(0x30, &[tlv(0x16, start.as_bytes()), tlv(2, count)].concat()))
    }

    fn one(number: &str) -> Vec<u8> {
        tlv(0xa2, &tlv(0x16, number.as_bytes()))
    }

    #[test]
    fn a_list_of_numbers_covers_its_ranges_and_nothing_else() {
        let list = list(&[range("12155551000", &[100]), one("493012345")]).unwrap();
        for (digits, is) in [
            ("12155551000", Coverage::Number),
            ("12155551099", Coverage::Number),
            ("12155551100", Coverage::Outside),
            ("12155550999", Coverage::Outside),
            ("493012345", Coverage::Number),
            ("4930123450", Coverage::Outside),
            ("012155551000", Coverage::Outside),
            ("", Coverage::Outside),
            ("alice", Coverage::Outside),
        ] {
            assert_eq!(list.coverage(digits), is, "{digits}");
        }
    }

    #[test]
    fn a_list_of_a_provider_says_who_it_is() {
        let list = list(&[provider("709J"), one("12155551212")]).unwrap();
        assert_eq!(list.coverage("12155551212"), Coverage::Number);
        assert_eq!(list.coverage("12155551213"), Coverage::Provider(vec!["709J".to_owned()]));
    }

    #[test]
    fn only_lists_of_rfc_8226_are_read() {
        // Without an entry, without explicit tags, with letters in a number, with a range of one, with an unknown choice, with an address as some tests have it.
        assert_eq!(list(&[]), None);
        assert_eq!(list(&[tlv(0x80, b"709J")]), None);
        assert_eq!(list(&[one("12a")]), None);
        assert_eq!(list(&[range("12155551000", &[1])]), None);
        assert_eq!(list(&[tlv(0xa3, &tlv(0x16, b"1"))]), None);
        assert_eq!(TnAuthList::read(&tlv(0x16, b"ca.example/TNAuthList")), None);
        assert_eq!(TnAuthList::read(&[tlv(0x30, &provider("1")), vec![0]].concat()), None);
    }

    proptest! {
        #[test]
        fn any_octets_are_read(der: Vec<u8>, digits in "[0-9]{0,20}") {
            let _ = TnAuthList::read(&der).map(|list| list.coverage(&digits));
        }

        #[test]
        fn any_range_is_counted_without_overflow(start in "[0-9*#]{1,15}", count in 2_u64.., digits in "[0-9]{0,20}") {
            let list = TnAuthList(vec![Entry::Range { start, count }]);
            let _ = list.coverage(&digits);
        }
    }
}
