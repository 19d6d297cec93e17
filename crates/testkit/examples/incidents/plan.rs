//! The ways in which a site writes and dials numbers.

use crate::countries::Country;
use bellwether_testkit::Draw;

/// A national plan. Numbers of the world are in international form without a plus; the plan gives them their form on
/// the wire.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) home: Country,
    form: Form,
    /// The prefix before a number abroad.
    abroad: &'static str,
    /// True if carriers write callers' numbers with a plus.
    has_plus_outside: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// The country code, area, exchange and line: 13055550100.
    American,
    /// 0 before an area code; own numbers may have the country code instead.
    National { has_code: bool },
    /// A plus and the country code.
    Plus,
}

/// The habit of a caller in dialling.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) enum Habit {
    /// The form of the site.
    #[default]
    Usual,
    /// The short national form of the North American plan.
    Short,
    /// A plus, as phone books of mobile phones hold it.
    Plus,
}

impl Plan {
    /// A random plan.
    pub(crate) fn new(draw: &mut Draw) -> Self {
        let has_plus_outside = draw.chance(0.6);
        let (form, home, abroad) = match draw.count(0..=2) {
            0 => (Form::American, "1", draw.one_of(&["011", "011", "00"])),
            1 => {
                let home = draw.one_of(&["49", "49", "43", "41", "33", "44", "31"]);
                (Form::National { has_code: draw.chance(0.25) }, home, "00")
            }
            _ => (Form::Plus, draw.one_of(&["1", "49", "44", "33", "48", "34", "39", "31"]), "+"),
        };
        Self { home: Country::with(home), form, abroad, has_plus_outside }
    }

    /// A number of the own country.
    pub(crate) fn local(&self, draw: &mut Draw) -> String {
        self.home.number(draw)
    }

    /// A number without charge for its callers.
    pub(crate) fn toll_free(&self, draw: &mut Draw) -> String {
        match self.home.code {
            "1" => format!(
                "1{}{}",
                draw.one_of(&["800", "888", "877", "866"]),
                draw.count(2_000_000..=9_999_999)
            ),
            code => format!("{code}800{}", draw.count(1_000_000..=9_999_999)),
        }
    }

    /// The name of an own number as an account.
    pub(crate) fn own(&self, number: &str) -> String {
        match self.form {
            Form::American | Form::National { has_code: true } => number.to_owned(),
            Form::National { has_code: false } => format!("0{}", self.behind_code(number)),
            Form::Plus => format!("+{number}"),
        }
    }

    /// A number as a subscriber dials it.
    pub(crate) fn dialled(&self, number: &str, habit: Habit) -> String {
        if habit == Habit::Plus || self.form == Form::Plus {
            return format!("+{number}");
        }
        if !number.starts_with(self.home.code) {
            return format!("{}{number}", self.abroad);
        }
        match (self.form, habit) {
            (Form::American, Habit::Short) => self.behind_code(number).to_owned(),
            (Form::American, _) => number.to_owned(),
            _ => format!("0{}", self.behind_code(number)),
        }
    }

    /// A caller's number as a carrier writes it.
    pub(crate) fn shown(&self, number: &str) -> String {
        match self.has_plus_outside {
            true => format!("+{number}"),
            false if number.starts_with(self.home.code) => self.own(number),
            false => self.dialled(number, Habit::Usual),
        }
    }

    fn behind_code<'a>(&self, number: &'a str) -> &'a str {
        number.strip_prefix(self.home.code).unwrap_or(number)
    }
}
