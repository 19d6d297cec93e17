# Everything here also runs without just: the recipes call scripts/ and cargo.

# Quick: does it build, and is it clean?
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# Everything CI runs
test:
    scripts/test

# Approve changed snapshots (read the diff first)
bless:
    INSTA_UPDATE=always cargo test --quiet --workspace
    git diff --stat -- '*.snap'

# Replay a sample and print the reports
demo:
    scripts/demo

# Make the Debian package with checksums and a list of components, in target/package/ (docs/install.md)
package:
    scripts/package

# Install, upgrade, remove and purge the package in a machine of its own (root, systemd-nspawn)
test-package: package
    scripts/test-package

# Build the package twice, in two folders, and compare octet by octet
reproducible:
    scripts/reproducible

# A robocaller, Kamailio and the operator, with real programs (root; kamailio, sipp, espeak-ng)
story:
    cargo build --quiet
    scripts/story

# Speed and memory beside the empty libpcap loop and other programs
bench:
    cargo build --release --quiet
    scripts/bench

# Cost and memory of hostile traffic beside ordinary traffic of the same lengths
bench-hostile *names:
    cargo build --release --quiet
    cargo build --release --quiet -p bellwether-testkit --example hostile
    scripts/bench-hostile {{names}}

# p50 and p99 of the score API beside a sensor that works (root, SIPp, wrk)
bench-serve:
    cargo build --release --quiet
    scripts/bench-serve

# Live capture over a veth pair beside tcpdump (root)
bench-live:
    cargo build --release --quiet
    scripts/bench-live 60

# Messages, calls, streams and registrations beside tshark's
tshark:
    cargo build --release --quiet
    scripts/compare-tshark

# Record the captures of pcaps/ anew (root, network namespaces, real SIP programs)
record *names:
    scripts/record-pcaps {{names}}

# How well clocks are read, against known truth (docs/clocks.md)
table-clocks:
    cargo run --release --quiet -p bellwether-testkit --example clocks 400

# How well fingerprints hold together and tell apart (docs/fingerprint.md)
table-fingerprints:
    cargo build --release --quiet
    scripts/fingerprint-table

# How well device classes are recognised by the sound of silence (docs/silence.md)
table-silence:
    cargo run --release --quiet -p bellwether-testkit --example silence 10

# How well they are recognised among strangers, in worlds of devices drawn at random (docs/silence.md)
table-devices:
    cargo run --release --quiet -p bellwether-testkit --example devices 101 12

# How recordings are recognised, on the corpus of scripts/recordings-corpus (docs/recordings.md)
table-recordings folder *tables="same false firms openings classes stocked index cost":
    cargo run --release --quiet -p bellwether-testkit --example recordings -- {{folder}} {{tables}}

# Make the stock of announcements and music anew, from the corpus of scripts/recordings-corpus (docs/recordings.md)
stock folder:
    cargo run --release --quiet -p bellwether-testkit --example recordings -- {{folder}} stock

# Kill a replay that judges and delivers, and a sensor, at 200 moments each, and go on (the sensor: as root)
kill:
    BELLWETHER_KILLS=200 cargo test --release --quiet -p bellwether --test kill -- --nocapture

# Fuzz each target, or those named, so many seconds (docs/fuzzing.md)
fuzz seconds *targets:
    nice scripts/fuzz {{seconds}} {{targets}}

# Fuzz all targets in turn and replay mutants of captures, for hours
soak hours:
    nice scripts/soak {{hours}}

# How well campaigns are found and calls are scored, in made worlds
table-judgement *kinds:
    scripts/table-judgement {{kinds}}

# How senders are judged in random populations, 68 kinds of them (docs/bench-senders.md); FIRST_SEED=1000 for fresh ones
table-senders seeds="5" *kinds:
    cargo run --release --quiet -p bellwether-testkit --example senders {{seeds}} {{kinds}}

# How the sensor treats the same populations, from packets to dispositions (docs/bench-senders.md); TOLD=0.3 for feedback
table-sender-captures seeds="3" *kinds:
    scripts/table-sender-captures {{seeds}} {{kinds}}

# How fraud that is no campaign is found, and honest twins left alone (docs/bench-incidents.md); FIRST_SEED=500 for fresh worlds
table-incidents seeds="3" *kinds:
    scripts/table-incidents {{seeds}} {{kinds}}

# What one lookup of a number costs (docs/analyses.md)
table-numbering:
    cargo run --release --quiet -p bellwether-testkit --example numbering

# Write the table of numbering plans anew from the pinned library; DATE as 2026-11-29
numbering-plan date:
    cargo run --release --quiet --manifest-path scripts/numbering-plan/Cargo.toml -- {{date}}
