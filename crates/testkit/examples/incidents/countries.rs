//! Countries, with the beginnings and lengths of numbers that exist there.
//!
//! Their classes come from general knowledge of the trade, and not from a list of the sensor: what the sensor lacks is
//! missing there in life too.

use bellwether_testkit::Draw;

/// The part of a country in fraud.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// A country with much ordinary traffic.
    Plain,
    /// A country whose numbers pay the party that is called.
    Risky,
    /// An island with the country code 1.
    Island,
    /// A satellite or a network of no country.
    Satellite,
}

/// A country.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Country {
    pub(crate) code: &'static str,
    pub(crate) class: Class,
    /// Beginnings of numbers behind the country code.
    starts: &'static [&'static str],
    /// Digits behind the country code.
    length: usize,
}

impl Default for Country {
    fn default() -> Self {
        plain("44", &["20"], 10)
    }
}

const fn plain(code: &'static str, starts: &'static [&'static str], length: usize) -> Country {
    Country { code, class: Class::Plain, starts, length }
}

const fn risky(code: &'static str, starts: &'static [&'static str], length: usize) -> Country {
    Country { class: Class::Risky, ..plain(code, starts, length) }
}

const fn island(code: &'static str, starts: &'static [&'static str]) -> Country {
    Country { class: Class::Island, ..plain(code, starts, 7) }
}

const fn satellite(code: &'static str, starts: &'static [&'static str], length: usize) -> Country {
    Country { class: Class::Satellite, ..plain(code, starts, length) }
}

const COUNTRIES: [Country; 91] = [
    plain("1", &["212", "312", "415", "617", "202", "404", "713", "416", "604", "514"], 10),
    plain("44", &["207", "208", "161", "121", "131", "7400", "7911", "7700"], 10),
    plain("49", &["301", "895", "403", "221", "1511", "1601", "1702"], 10),
    plain("33", &["14", "15", "47", "49", "61", "66", "67"], 9),
    plain("39", &["0668", "0272", "338", "347", "328"], 10),
    plain("34", &["912", "932", "952", "612", "650", "678"], 9),
    plain("31", &["205", "104", "705", "612", "624"], 9),
    plain("32", &["470", "475", "486", "495"], 9),
    plain("41", &["44", "22", "31", "78", "79"], 9),
    plain("43", &["6641", "6502", "6763"], 10),
    plain("48", &["22", "12", "61", "501", "602", "790"], 9),
    plain("420", &["22", "54", "602", "731", "777"], 9),
    plain("46", &["701", "736", "762"], 9),
    plain("45", &["33", "20", "40", "61"], 8),
    plain("47", &["22", "41", "90", "92"], 8),
    plain("351", &["21", "22", "91", "93", "96"], 9),
    plain("30", &["210", "231", "694", "697"], 10),
    plain("353", &["85", "86", "87"], 9),
    plain("36", &["20", "30", "70"], 9),
    plain("90", &["212", "312", "532", "542", "505"], 10),
    plain("972", &["52", "54", "50"], 9),
    plain("91", &["9810", "9820", "9886", "2226", "1123"], 10),
    plain("86", &["138", "139", "159", "186"], 11),
    plain("81", &["90", "80"], 10),
    plain("82", &["10"], 10),
    plain("61", &["28", "39", "41", "42", "43"], 9),
    plain("64", &["21", "27"], 9),
    plain("55", &["119", "219"], 11),
    plain("52", &["55", "33", "81"], 10),
    plain("27", &["11", "21", "82", "83"], 9),
    plain("971", &["50", "55"], 9),
    plain("65", &["6", "8", "9"], 8),
    plain("852", &["2", "5", "6", "9"], 8),
    plain("66", &["81", "89"], 9),
    plain("63", &["917", "918", "927"], 10),
    plain("84", &["90", "91", "98"], 9),
    plain("380", &["50", "67", "44"], 9),
    plain("385", &["91", "98"], 9),
    risky("252", &["61", "90", "63"], 9),
    risky("53", &["52", "53", "54", "78"], 8),
    risky("232", &["76", "30", "33", "77"], 8),
    risky("224", &["62", "66"], 9),
    risky("220", &["3", "7", "9"], 7),
    risky("263", &["71", "73", "77"], 9),
    risky("216", &["22", "55", "98", "71"], 8),
    risky("960", &["77", "78", "99"], 7),
    risky("675", &["70", "71", "72"], 8),
    risky("387", &["61", "62", "63", "65"], 8),
    risky("355", &["67", "68", "69"], 9),
    risky("371", &["20", "26", "29"], 8),
    risky("370", &["601", "612", "685"], 8),
    risky("372", &["51", "53", "56"], 8),
    risky("231", &["77", "88"], 9),
    risky("265", &["99", "88"], 9),
    risky("269", &["32", "33"], 7),
    risky("257", &["79", "71", "76"], 8),
    risky("235", &["66", "99", "63"], 8),
    risky("236", &["70", "72", "75"], 8),
    risky("243", &["81", "99", "97"], 9),
    risky("211", &["91", "92", "95"], 9),
    risky("676", &["77", "78", "88"], 7),
    risky("677", &["74", "75"], 7),
    risky("239", &["98", "99"], 7),
    risky("248", &["25", "27"], 7),
    risky("509", &["31", "34", "37"], 8),
    risky("261", &["32", "33", "34"], 9),
    risky("222", &["22", "36", "46"], 8),
    risky("226", &["70", "76"], 8),
    risky("253", &["77"], 8),
    risky("994", &["50", "55", "70"], 9),
    risky("381", &["63", "64", "65"], 9),
    risky("375", &["29", "33", "44"], 9),
    risky("212", &["61", "66", "67"], 9),
    island("1242", &["35", "42"]),
    island("1246", &["23", "25"]),
    island("1268", &["46", "77"]),
    island("1284", &["49", "54"]),
    island("1473", &["40", "53"]),
    island("1649", &["23", "34"]),
    island("1664", &["49"]),
    island("1758", &["45", "71"]),
    island("1767", &["44", "61"]),
    island("1784", &["45", "49"]),
    island("1809", &["54", "68"]),
    island("1868", &["62", "68"]),
    island("1869", &["46", "66"]),
    island("1876", &["92", "38"]),
    satellite("881", &["6223", "6315", "7110"], 9),
    satellite("882", &["1621", "1650"], 10),
    satellite("883", &["1000", "5100"], 12),
    satellite("870", &["7731", "7762", "7830"], 9),
];

impl Country {
    /// Countries of a class, but one.
    pub(crate) fn of(class: Class, but: &str) -> Vec<Self> {
        let is_wanted = |c: &&Self| c.class == class && c.code != but;
        COUNTRIES.iter().filter(is_wanted).copied().collect()
    }

    /// The country with a code.
    pub(crate) fn with(code: &str) -> Self {
        COUNTRIES.iter().find(|c| c.code == code).copied().unwrap_or_default()
    }

    /// A number in international form, without a plus.
    pub(crate) fn number(&self, draw: &mut Draw) -> String {
        let start = draw.one_of(self.starts);
        self.behind(start, draw)
    }

    /// Numbers of one range, in which the last digits differ.
    pub(crate) fn range(&self, differing: usize, count: u64, draw: &mut Draw) -> Vec<String> {
        let first = self.number(draw);
        let kept = first.len().saturating_sub(differing);
        let start = first.get(..kept).unwrap_or_default().to_owned();
        let mut all: Vec<String> = Vec::new();
        for _ in 0..20 * count {
            let number = format!("{start}{}", draw.digits(first.len() - kept));
            if all.len() as u64 >= count {
                break;
            }
            if !all.contains(&number) {
                all.push(number);
            }
        }
        all
    }

    fn behind(&self, start: &str, draw: &mut Draw) -> String {
        let rest = self.length.saturating_sub(start.len());
        // An exchange of a North American number begins with 2 to 9.
        let first = if rest > 0 { draw.count(2..=9).to_string() } else { String::new() };
        format!("{}{start}{first}{}", self.code, draw.digits(rest.saturating_sub(1)))
    }
}
