//! Writes `crates/enrich/src/data/numbering-plan.txt` and the library's verdicts beside it, which a test compares.
//!
//! The source is the metadata of Google's libphonenumber as rlibphonenumber carries them. Each country's regular expressions
//! become one automaton over digits, which needs no engine: docs/analyses.md says why.
//!
//!     cargo run --release --manifest-path scripts/numbering-plan/Cargo.toml -- 2026-11-29

#![expect(deprecated, reason = "the library empties these fields in its wrapper, and its data have them")]

mod automaton;
mod compare;
mod source;

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

use automaton::{Automaton, Node};
use source::{Class, Code, Source};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let date = std::env::args().nth(1).ok_or("the date is missing, as 2026-11-29")?;
    let source = Source::find()?;
    let mut automaton = Automaton::default();
    let roots = source.codes.iter().map(|code| automaton.add(code)).collect::<Result<Vec<usize>>>()?;
    let compared = compare::all(&source, &automaton, &roots)?;
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/enrich/src/data");
    std::fs::write(data.join("numbering-plan.txt"), table(&source, &automaton, &roots, &date)?)?;
    std::fs::write(data.join("numbering-verdicts.tsv"), compare::examples(&source, &automaton, &roots)?)?;
    eprintln!(
        "{}: {} codes, {} nodes; {compared} numbers compared with the library, all alike",
        source.version,
        source.codes.len(),
        automaton.nodes.len()
    );
    Ok(())
}

fn table(source: &Source, automaton: &Automaton, roots: &[usize], date: &str) -> Result<String> {
    let mut text = format!(
        "# Bellwether: numbering plans of the world, by E.164 country code.\n\
         # Written {date} by scripts/numbering-plan from {}. Do not edit.\n\
         # The data are derived from libphonenumber, copyright Google LLC and the libphonenumber authors, Apache License 2.0.\n\
         # version: what the database records.\n\
         # node: one state of the automaton over national numbers, numbered from 1 in this order; 0 is a dead end.\n\
         #   \"=GB\" ends a number of that region, \"=GB/p\" one of premium rate, /s of shared cost, /t one free of charge;\n\
         #   \"2-9:17\" leads from the digits 2 to 9 to node 17, which stands before.\n\
         # code: country code, region or 001 for none, lengths of national numbers, national prefix or -, first node.\n",
        source.version
    );
    writeln!(text, "version\t{}", source.version)?;
    for node in automaton.nodes.iter().skip(1) {
        writeln!(text, "node\t{}", words(node, automaton))?;
    }
    for (code, root) in source.codes.iter().zip(roots) {
        let lengths: Vec<String> = code.lengths.iter().map(ToString::to_string).collect();
        let prefix = if code.prefix.is_empty() { "-" } else { &code.prefix };
        let Code { number, .. } = code;
        writeln!(text, "code\t{number}\t{}\t{}\t{prefix}\t{root}", code.main(), lengths.join(","))?;
    }
    Ok(text)
}

fn words(node: &Node, automaton: &Automaton) -> String {
    let end = |(region, class): &(usize, Class)| format!("={}{}", automaton.regions[*region], class.suffix());
    let mut words: Vec<String> = node.end.iter().map(end).collect();
    let mut digit = 0;
    while digit < 10 {
        let next = node.next[digit];
        let same = node.next[digit..].iter().take_while(|other| **other == next).count();
        if next != 0 {
            let last = digit + same - 1;
            let digits = if same == 1 { digit.to_string() } else { format!("{digit}-{last}") };
            words.push(format!("{digits}:{next}"));
        }
        digit += same;
    }
    words.join(" ")
}
