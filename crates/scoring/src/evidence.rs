use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bellwether_senders::{Cluster, Verdict, log_odds};

/// The evidence of a signal, as text for reports.
///
/// Most evidence is a few numbers. Text is rendered only when it is read, because a call is scored three
/// times or more and only the last score is stored.
#[derive(Clone)]
pub struct Evidence(Form);

#[derive(Clone)]
enum Form {
    /// The same text for every call.
    Fixed(&'static str),
    /// Text with content from the call.
    Words(Arc<str>),
    /// Fixed text with counts and an IPv4 address.
    Counted(Arc<str>),
    Numbers(Numbers, Phrase),
    Member(Arc<str>, Arc<str>),
    /// The terms of a cluster of senders.
    Sender(Arc<Verdict>),
    /// Evidence of a signal that lines show, too, in so many percent of their calls.
    Common(Arc<(Evidence, u32)>),
}

/// Counted or measured values; unused ones are 0.
pub(crate) type Numbers = [u32; 4];

/// Renders numbers as text.
pub(crate) type Phrase = fn(Numbers, &mut fmt::Formatter<'_>) -> fmt::Result;

impl Evidence {
    /// Evidence of up to four numbers. Larger values saturate.
    pub(crate) fn of<const N: usize>(counted: [usize; N], phrase: Phrase) -> Self {
        const { assert!(N <= 4, "evidence has at most four numbers") };
        let mut numbers = Numbers::default();
        for (number, count) in numbers.iter_mut().zip(counted) {
            *number = u32::try_from(count).unwrap_or(u32::MAX);
        }
        Self(Form::Numbers(numbers, phrase))
    }

    /// Returns true if the text, numbers aside, is fixed, so that many calls share it.
    #[must_use]
    pub fn is_phrased(&self) -> bool {
        match &self.0 {
            Form::Fixed(_) | Form::Numbers(..) | Form::Counted(_) | Form::Sender(_) => true,
            Form::Words(_) | Form::Member(..) => false,
            Form::Common(of) => of.0.is_phrased(),
        }
    }

    /// The same evidence of a signal that a share of the lines' calls has, too.
    pub(crate) fn of_common(self, share: f64) -> Self {
        Self(Form::Common(Arc::new((self, whole(share * 100.0) as u32))))
    }

    /// Fixed text with counts and one address. Text with an IPv6 address is not shared, because it contains
    /// letters.
    pub(crate) fn of_address(words: String, address: IpAddr) -> Self {
        Self(if address.is_ipv4() { Form::Counted(words.into()) } else { Form::Words(words.into()) })
    }

    /// Evidence of a cluster of senders: what it is, and the log odds of each kind of evidence.
    pub(crate) fn of_sender(verdict: &Verdict) -> Self {
        Self(Form::Sender(Arc::new(*verdict)))
    }

    /// Evidence of campaign membership: the campaign's name and the reason.
    pub(crate) fn member(campaign: &Arc<str>, why: &Arc<str>) -> Self {
        Self(Form::Member(campaign.clone(), why.clone()))
    }
}

/// A measured value without decimals.
pub(crate) fn whole(measure: f64) -> usize {
    measure.round_ties_even() as usize
}

impl From<&'static str> for Evidence {
    fn from(words: &'static str) -> Self {
        Self(Form::Fixed(words))
    }
}

impl From<String> for Evidence {
    fn from(words: String) -> Self {
        Self(Form::Words(words.into()))
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Fixed(words) => f.write_str(words),
            Form::Words(words) | Form::Counted(words) => f.write_str(words),
            Form::Numbers(numbers, phrase) => phrase(*numbers, f),
            Form::Sender(verdict) => write_sender(verdict, f),
            Form::Common(of) => {
                let (evidence, percent) = &**of;
                write!(f, "{evidence}; lines here show it, too: {percent} % of their calls")
            }
            Form::Member(campaign, why) => write!(f, "belongs to campaign {campaign}: {why}"),
        }
    }
}

fn write_sender(verdict: &Verdict, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (once, all) = verdict.once;
    match verdict.cluster {
        Cluster::Nothing | Cluster::Trunk | Cluster::Line(_) => return Ok(()),
        Cluster::Strangers { .. } => {
            write!(f, "{once} of {all} addresses on the platform family called in one session only")?;
        }
        Cluster::Address { .. } => {
            write!(f, "{once} of {all} numbers of the address called in one session only")?;
        }
        Cluster::Guests { .. } => {
            write!(f, "{once} of {all} calls of the address show numbers of none of its lines")?;
        }
        Cluster::Gang { .. } => {
            write!(f, "{once} addresses of the platform family are alike, of {all} that are judged")?;
        }
        Cluster::Recording { .. } => write!(f, "{all} addresses play one recording")?,
        Cluster::Crowd { .. } => {
            write!(
                f,
                "{once} addresses of the platform family have several numbers and few calls, of {all}"
            )?;
        }
    }
    // The weight of a recording is not a number of calls.
    if !matches!(verdict.cluster, Cluster::Recording { .. }) {
        write!(f, "; {} calls", verdict.calls)?;
    }
    f.write_str("; log odds")?;
    let t = &verdict.terms;
    let terms = [
        ("before", t.prior),
        ("addresses", t.addresses),
        ("numbers", t.numbers),
        ("answers and talks", t.conduct),
        ("names", t.names),
        ("fingerprints", t.prints),
        ("callees", t.callees),
        ("recordings", t.recording),
        ("owners of numbers", t.owners),
        ("this call and labels", log_odds(verdict.probability) - t.sum()),
    ];
    for (name, term) in terms.into_iter().filter(|(_, term)| term.abs() >= 0.05) {
        write!(f, " {name} {term:+.1}")?;
    }
    Ok(())
}

impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Evidence with equal text is equal.
impl PartialEq for Evidence {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_put_together_where_they_are_read() {
        let counted = Evidence::of([3, 7], |[some, all, none, ..], f| write!(f, "{some} of {all}, {none}"));
        assert_eq!(counted.to_string(), "3 of 7, 0");
        assert_eq!(counted, Evidence::from(String::from("3 of 7, 0")));
        assert_ne!(counted, Evidence::from("3 of 8, 0"));
        assert_eq!(format!("{counted:?}"), "\"3 of 7, 0\"");
        let huge = Evidence::of([usize::MAX], |[count, ..], f| write!(f, "{count}"));
        assert_eq!(huge.to_string(), u32::MAX.to_string());
        assert_eq!([whole(2.5), whole(3.5), whole(-1.0), whole(f64::NAN)], [2, 4, 0, 0]);
    }
}
