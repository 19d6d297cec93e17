//! One automaton over the digits of national numbers, for all country codes.

use std::collections::HashMap;

use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::util::primitives::StateID;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind};
use rlibphonenumber::{PhoneMetadata, PhoneNumberDesc};

use crate::Result;
use crate::source::{Class, Code, MAX_DIGITS, kinds};

/// A state: whose number ends here and of which class, and where each digit leads.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Node {
    /// Index of a region, and the class of its number.
    pub(crate) end: Option<(usize, Class)>,
    pub(crate) next: [usize; 10],
}

/// States, each behind those that it leads to. The first is the dead end.
pub(crate) struct Automaton {
    pub(crate) nodes: Vec<Node>,
    pub(crate) regions: Vec<String>,
    numbers: HashMap<Node, usize>,
}

impl Default for Automaton {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], regions: Vec::new(), numbers: HashMap::new() }
    }
}

impl Automaton {
    /// Adds a country code. Returns its first state.
    pub(crate) fn add(&mut self, code: &Code) -> Result<usize> {
        let plans = code.regions.iter().map(Plan::new).collect::<Result<Vec<Plan>>>()?;
        let at = plans.iter().map(Plan::start).collect::<Result<Vec<At>>>()?;
        let most = MAX_DIGITS - code.number.to_string().len();
        let mut builder = Builder { automaton: self, plans: &plans, most, known: HashMap::new() };
        Ok(builder.build(at, 0))
    }

    /// The region and the class of a national number, if it is a region's.
    pub(crate) fn look_up(&self, root: usize, national: &str) -> Option<(&str, Class)> {
        let mut node = self.nodes.get(root)?;
        for digit in national.bytes() {
            node = self.nodes.get(node.next[usize::from(digit - b'0')])?;
        }
        node.end.map(|(region, class)| (self.regions[region].as_str(), class))
    }

    fn number(&mut self, node: Node) -> usize {
        if node == Node::default() {
            return 0;
        }
        let next = self.nodes.len();
        let number = *self.numbers.entry(node.clone()).or_insert(next);
        if number == next {
            self.nodes.push(node);
        }
        number
    }

    fn region_number(&mut self, region: &str) -> usize {
        self.regions.iter().position(|known| known == region).unwrap_or_else(|| {
            self.regions.push(region.to_owned());
            self.regions.len() - 1
        })
    }
}

type Dfa = dense::DFA<Vec<u32>>;

/// A description of numbers: an expression, and lengths if they differ from those of all numbers.
struct Kind {
    class: Class,
    dfa: Dfa,
    lengths: Vec<i32>,
}

/// The numbers of one region.
struct Plan {
    region: String,
    /// Numbers that begin so are the region's, whatever follows.
    leading: Option<Dfa>,
    /// All numbers, then each kind.
    kinds: Vec<Kind>,
}

/// The state of a number in a region's expressions.
#[derive(Clone, PartialEq, Eq, Hash)]
struct At {
    leading: Option<StateID>,
    has_led: bool,
    kinds: Vec<StateID>,
}

impl Plan {
    fn new(data: &PhoneMetadata) -> Result<Self> {
        let general =
            data.general_desc.as_ref().map(|desc| kind(Class::Ordinary, desc)).transpose()?.flatten();
        let general = general.ok_or("a region has no numbers")?;
        let mut all = vec![general];
        for (class, desc) in kinds(data) {
            all.extend(kind(class, desc)?);
        }
        let leading = data.leading_digits.as_deref().filter(|text| !text.is_empty()).map(dfa).transpose()?;
        Ok(Self { region: data.id.clone(), leading, kinds: all })
    }

    fn start(&self) -> Result<At> {
        Ok(At {
            leading: self.leading.as_ref().map(start).transpose()?,
            has_led: false,
            kinds: self.kinds.iter().map(|kind| start(&kind.dfa)).collect::<Result<_>>()?,
        })
    }

    fn step(&self, at: &At, digit: u8) -> At {
        let leading = self.leading.as_ref().zip(at.leading).map(|(dfa, state)| dfa.next_state(state, digit));
        let leads = self.leading.as_ref().zip(leading).is_some_and(|(dfa, state)| is_match(dfa, state));
        let kinds = self.kinds.iter().zip(&at.kinds).map(|(kind, state)| kind.dfa.next_state(*state, digit));
        At { leading, has_led: at.has_led || leads, kinds: kinds.collect() }
    }

    /// True if digits to come may still make a number of the region.
    fn is_alive(&self, at: &At) -> bool {
        let mut alive = self.kinds.iter().zip(&at.kinds).map(|(kind, state)| !kind.dfa.is_dead_state(*state));
        alive.next() == Some(true) && alive.any(|is| is)
    }

    /// The class of a number of this length if it is one of the region's: of all numbers and of some kind, of which the first
    /// counts.
    fn class(&self, at: &At, length: usize) -> Option<Class> {
        let mut found = self.kinds.iter().zip(&at.kinds).map(|(kind, state)| {
            let has_length = kind.lengths.iter().any(|known| usize::try_from(*known) == Ok(length));
            ((kind.lengths.is_empty() || has_length) && is_match(&kind.dfa, *state)).then_some(kind.class)
        });
        found.next()??;
        found.flatten().next()
    }
}

fn kind(class: Class, desc: &PhoneNumberDesc) -> Result<Option<Kind>> {
    let pattern = desc.national_number_pattern.as_deref().unwrap_or_default();
    // A length of -1 says that there are no such numbers.
    if pattern.is_empty() || desc.possible_length == [-1] {
        return Ok(None);
    }
    Ok(Some(Kind { class, dfa: dfa(pattern)?, lengths: desc.possible_length.clone() }))
}

fn dfa(pattern: &str) -> Result<Dfa> {
    // The data anchor expressions, and an automaton is anchored by how it is started and ended.
    let inner = pattern.strip_prefix("^(?:").and_then(|rest| rest.strip_suffix(")$")).unwrap_or(pattern);
    let config =
        dense::Config::new().match_kind(MatchKind::All).start_kind(StartKind::Anchored).minimize(true);
    let digits = syntax::Config::new().unicode(false).utf8(false);
    Ok(dense::Builder::new().configure(config).syntax(digits).build(inner)?)
}

fn start(dfa: &Dfa) -> Result<StateID> {
    Ok(dfa.start_state_forward(&Input::new("").anchored(Anchored::Yes))?)
}

fn is_match(dfa: &Dfa, state: StateID) -> bool {
    dfa.is_match_state(dfa.next_eoi_state(state))
}

struct Builder<'a> {
    automaton: &'a mut Automaton,
    plans: &'a [Plan],
    most: usize,
    known: HashMap<(Vec<At>, usize), usize>,
}

impl Builder<'_> {
    fn build(&mut self, at: Vec<At>, length: usize) -> usize {
        if let Some(known) = self.known.get(&(at.clone(), length)) {
            return *known;
        }
        let mut node = Node { end: self.end(&at, length), next: [0; 10] };
        if length < self.most {
            for (digit, next) in (b'0'..).zip(&mut node.next) {
                let to: Vec<At> = self.plans.iter().zip(&at).map(|(plan, at)| plan.step(at, digit)).collect();
                if self.plans.iter().zip(&to).any(|(plan, at)| plan.is_alive(at)) {
                    *next = self.build(to, length + 1);
                }
            }
        }
        let number = self.automaton.number(node);
        self.known.insert((at, length), number);
        number
    }

    /// The region and the class of a number, as the library finds them: the first region that leads or holds the number, if
    /// that one holds it.
    fn end(&mut self, at: &[At], length: usize) -> Option<(usize, Class)> {
        let is_alone = self.plans.len() == 1;
        let mut both = self.plans.iter().zip(at);
        let (plan, at) =
            both.find(|(plan, at)| is_alone || at.has_led || plan.class(at, length).is_some())?;
        let class = plan.class(at, length)?;
        Some((self.automaton.region_number(&plan.region), class))
    }
}
