use std::borrow::Cow;

/// Decodes percent escapes once (RFC 3986 section 2.1, RFC 3261 section 19.1.4): `%2B49` becomes `+49`. An
/// invalid escape, as in `100%`, is kept.
#[must_use]
pub fn percent_decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'%') {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let octet = if *first == b'%' { escaped(tail) } else { None };
        out.push(octet.unwrap_or(*first));
        rest = octet.and_then(|_| tail.get(2..)).unwrap_or(tail);
    }
    Cow::Owned(out)
}

fn escaped(text: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*text.get(at)?).to_digit(16);
    u8::try_from(digit(0)? << 4 | digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_once() {
        for (text, plain) in [
            ("%2B4930", "+4930"),
            ("%2b%34930", "+4930"),
            ("%2523", "%23"),
            ("100%", "100%"),
            ("%zz%2", "%zz%2"),
            ("alice", "alice"),
        ] {
            assert_eq!(percent_decoded(text.as_bytes()).as_ref(), plain.as_bytes(), "{text}");
        }
    }
}
