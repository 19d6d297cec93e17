use std::collections::BTreeSet;

use crate::Rng;

/// Area codes in use.
const AREAS: [&str; 28] = [
    "201", "206", "212", "213", "214", "215", "301", "303", "305", "312", "313", "314", "404", "408", "412",
    "415", "503", "510", "512", "602", "612", "615", "617", "702", "713", "718", "773", "919",
];

/// Area codes of German cities, and the number of digits that follow.
const GERMANY: [(&str, usize); 5] = [("30", 8), ("40", 8), ("69", 8), ("89", 8), ("221", 7)];

/// The provider's own exchanges.
pub(super) const EXCHANGES: [&str; 8] =
    ["+1312441", "+1312442", "+1312448", "+1773520", "+1773521", "+1212660", "+1212661", "+1617372"];

/// Numbers, each assigned once.
#[derive(Default)]
pub(super) struct Numbers {
    given: BTreeSet<String>,
}

impl Numbers {
    /// Calls `draw` until it returns an unused number.
    pub(super) fn fresh(&mut self, rng: &mut Rng, mut draw: impl FnMut(&mut Rng) -> String) -> String {
        loop {
            let number = draw(rng);
            if self.given.insert(number.clone()) {
                return number;
            }
        }
    }

    /// A subscriber's number: in the provider's exchanges, or with a chance of one in six in Germany.
    pub(super) fn own(&mut self, rng: &mut Rng) -> String {
        self.fresh(rng, |rng| match rng.below(6) {
            0 => format!("+49305770{}", 1000 + rng.below(9000)),
            _ => of_exchange(EXCHANGES[rng.below(EXCHANGES.len() as u64) as usize], rng),
        })
    }

    /// A number in North America.
    pub(super) fn national(&mut self, rng: &mut Rng) -> String {
        self.fresh(rng, |rng| {
            let exchange = exchange(rng);
            of_exchange(&exchange, rng)
        })
    }

    /// A number anywhere, mostly in North America.
    pub(super) fn any(&mut self, rng: &mut Rng) -> String {
        match rng.below(12) {
            0 => self.fresh(rng, |rng| {
                let (area, digits) = GERMANY[rng.below(5) as usize];
                format!("+49{area}{}", tail(digits, rng))
            }),
            1 => self.fresh(rng, |rng| match rng.below(3) {
                0 => format!("+4420{}", tail(8, rng)),
                1 => format!("+331{}", tail(8, rng)),
                _ => format!("+3902{}", tail(7, rng)),
            }),
            _ => self.national(rng),
        }
    }

    /// A company's block of `count` consecutive numbers.
    pub(super) fn block(&mut self, count: u64, rng: &mut Rng) -> Vec<String> {
        loop {
            let (exchange, first) = (exchange(rng), 2000 + 100 * rng.below(70));
            let block: Vec<String> = (first..first + count).map(|n| format!("{exchange}{n}")).collect();
            if block.iter().all(|n| !self.given.contains(n)) {
                self.given.extend(block.iter().cloned());
                return block;
            }
        }
    }
}

/// An exchange in North America: area code and a code that is not reserved for services.
fn exchange(rng: &mut Rng) -> String {
    loop {
        let code = 220 + rng.below(760);
        if code != 555 && code % 100 != 11 {
            return format!("+1{}{code}", AREAS[rng.below(AREAS.len() as u64) as usize]);
        }
    }
}

/// A number of an exchange.
pub(super) fn of_exchange(exchange: &str, rng: &mut Rng) -> String {
    format!("{exchange}{:04}", 1000 + rng.below(9000))
}

fn tail(digits: usize, rng: &mut Rng) -> String {
    let low = 10_u64.pow(digits as u32 - 1);
    (2 * low + rng.below(7 * low)).to_string()
}
