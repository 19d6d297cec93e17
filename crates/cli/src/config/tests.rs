use super::*;
use bellwether_alert::Format;
use bellwether_base::Severity;
use bellwether_tracker::Limits;

#[test]
fn the_printed_default_is_the_default() {
    assert_eq!(Config::parse(DEFAULT).unwrap(), Config::default());
    let limits = Config::default().limits();
    assert_eq!(limits, Limits::default());
}

/// The keys of a section, or of the root, as the error of an unknown key lists them.
fn known_keys(section: &str) -> Vec<String> {
    let error = Config::parse(&format!("{section}\nno_such_key = 1")).unwrap_err();
    let list = error.lines().find_map(|line| line.split_once("`no_such_key`, expected ")).unwrap().1;
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_setting_stands_in_the_printed_default() {
    let table: toml::Table = DEFAULT.parse().unwrap();
    let in_comments = |section: &str, key: &str| DEFAULT.contains(&format!("# [{section}{key}"));
    let mut checked = 0;
    for key in known_keys("") {
        let Some(value) = table.get(&key) else {
            assert!(in_comments("", &key), "{key}");
            continue;
        };
        let Some(section) = value.as_table() else { continue };
        for setting in known_keys(&format!("[{key}]")) {
            let is_shown = section.contains_key(&setting) || in_comments(&format!("[{key}."), &setting);
            assert!(is_shown, "{key}.{setting}");
            checked += 1;
        }
    }
    assert!(checked > 60, "{checked}");
}

#[test]
fn a_site_is_read_with_addresses_and_networks() {
    let config = Config::parse(
        "[site]\naccess = [\"10.0.0.0/8\", \"192.0.2.1\"]\n[[site.trunks]]\nname = \"a\"\nnetworks = [\"2001:db8::/32\"]\n",
    )
    .unwrap();
    let site = config.site();
    assert_eq!((site.access.len(), site.access[1].prefix_len(), site.trunks[0].name.as_str()), (2, 32, "a"));
}

#[test]
fn mistakes_are_named_with_their_place() {
    for (text, expected) in [
        ("privcy = \"clear\"", "nearest known key is `privacy`"),
        ("[signals.call_velocty]\non = false", "nearest is call_velocity"),
        ("[signals.dead_air]\nsecs = \"many\"", "not a number"),
        ("[signals.dead_air]\nsecs = true", "signals.dead_air.secs is a boolean, not a number"),
        ("[dispositions]\nquarantine_below = 80", "dispositions.quarantine_below (80) and"),
        ("[reputation]\nblock_at = 50.0", "in order"),
        (
            "[[alerts.receivers]]\nname = \"a\"\ntarget = \"ftp://x\"",
            "line 3, column 10\nalerts.receivers.target must begin with udp://",
        ),
        (
            "[[site.trunks]]\nname=\"a\"\nnetworks=[]\nattestation=\"D\"",
            "site.trunks.attestation is A, B, C or empty, not \"D\"",
        ),
        ("privacy = \"none\"", "privacy is tokens or clear, not \"none\""),
        (
            "[alerts]\nmin_severity = \"info\"",
            "alerts.min_severity is notice, warning or critical, not \"info\"",
        ),
        (
            "[numbering]\nlocal_numbers = \"a`b\"",
            "numbering.local_numbers is domain, context or alike, not \"a`b\"",
        ),
        ("[clocks]\nfalse_alarms = 0.6", "clocks.false_alarms must lie above 0 and up to 0.5, not 0.6"),
        ("[authorisation]\nstrangers = 1.0", "authorisation.strangers must lie between 0 and 0.99, not 1"),
        ("[clocks]\ndrift_ppm = nan", "clocks.drift_ppm must lie between 0 and 1000, not NaN"),
        ("[database]\nmax_mib = 15", "database.max_mib must be 0 or at least 16, not 15"),
        ("[campaigns]\nwindow_h = 0", "campaigns.window_h must lie above 0 and up to 10000, not 0"),
        ("[campaigns]\nmin_calls = 2", "campaigns.min_calls must lie between 3 and 128"),
        ("sense = 3", "sense: invalid type: integer `3`"),
        ("[confine]\nseccomp = \"yes\"", "confine.seccomp is off, on or required, not \"yes\""),
        ("[confine]\nseccmp = \"on\"", "nearest known key is `seccomp`"),
        ("[limits]\ncalls = 0", "limits.calls must lie between"),
        (
            "[timeouts]\nstream_s = -1",
            "2 | stream_s = -1\n  |            ^^\ntimeouts.stream_s must lie above 0 and up to 604800, not -1",
        ),
        ("[site]\naccess = [\"10.0.0.0/99\"]", "neither an address nor a network"),
        ("[[site.trunks]]\nname=\"a\"\nnetworks=[]\n[[site.trunks]]\nname=\"a\"\nnetworks=[]", "\"a\" twice"),
    ] {
        let error = Config::parse(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

fn receiver(more: &str) -> String {
    format!("[[alerts.receivers]]\nname = \"a\"\ntarget = \"udp://x\"\n{more}\n")
}

#[test]
fn a_receiver_has_a_format_and_a_facility_by_name() {
    let read = |more: &str| {
        let config = Config::parse(&receiver(more)).unwrap();
        let receiver = &config.alerts.receivers[0];
        (Option::<Format>::from(receiver.format), receiver.facility.0)
    };
    let facility = |name: &str| bellwether_alert::Facility::named(name).unwrap();
    assert_eq!(read(""), (None, facility("local0")));
    assert_eq!(read("format = \"\"\nfacility = \"auth\""), (None, facility("auth")));
    assert_eq!(read("format = \"cef\""), (Some(Format::Cef), facility("local0")));
    for (more, expected) in [
        ("format = \"xml\"", "alerts.receivers.format is rfc5424, cef, local or empty, not \"xml\""),
        ("facility = \"local8\"", "there is no facility \"local8\"; there is kern, user,"),
    ] {
        let error = Config::parse(&receiver(more)).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let twice = receiver("") + &receiver("");
    assert_eq!(Config::parse(&twice).unwrap_err(), "alerts.receivers names \"a\" twice");
}

#[test]
fn a_password_in_a_target_is_refused_and_not_shown() {
    let text = receiver("").replace("udp://x", "https://me:secret@example.net/");
    let error = Config::parse(&text).unwrap_err();
    assert!(error.contains("line 3") && error.contains("may hold no user or password"), "{error}");
    assert!(!error.contains("secret"), "{error}");
}

/// The settings of a text, and its notices.
fn read(text: &str) -> (Config, Vec<String>) {
    let (config, notices) = Config::read(text).unwrap();
    (config, notices.iter().map(ToString::to_string).collect())
}

#[test]
fn an_old_key_is_read_like_the_new_one_and_named_with_it() {
    for (old, new, names) in [
        (
            "[verdict]\nquarantine_below = 20",
            "[dispositions]\nquarantine_below = 20",
            ["verdict", "dispositions"],
        ),
        (
            "campaigns.fewest_calls = 9",
            "campaigns.min_calls = 9",
            ["campaigns.fewest_calls", "campaigns.min_calls"],
        ),
        (
            "[alerts]\nleast = \"critical\"",
            "[alerts]\nmin_severity = \"critical\"",
            ["alerts.least", "alerts.min_severity"],
        ),
    ] {
        let ((from_old, notices), (from_new, none)) = (read(old), read(new));
        assert_eq!(from_old, from_new);
        assert_ne!(from_old, Config::default(), "{old}");
        let expected = format!("`{}` was renamed to `{}`; the old name still works", names[0], names[1]);
        assert_eq!((notices, none), (vec![expected], Vec::new()));
    }
    assert_eq!(
        Severity::from(read("[alerts]\nleast = \"warning\"").0.alerts.min_severity),
        Severity::Warning
    );
}

#[test]
fn a_signal_that_is_gone_is_accepted_with_a_notice() {
    let (config, notices) =
        read("[signals.established]\npoints = 4\n[signals.number_rotation]\non = false\n");
    assert_eq!(config, read("").0);
    let told: Vec<String> = notices.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "`signals.established` has no effect any more: `signals.registered` has its place",
            "`signals.number_rotation` has no effect any more: `signals.sender` has its place",
        ]
    );
}

#[test]
fn an_old_key_beside_the_new_one_must_have_its_value() {
    let same =
        "[verdict]\nquarantine_below = 2_0.0\n[dispositions]\nquarantine_below = 20.0\nstandard_from = 60\n";
    let (config, notices) = read(same);
    assert_eq!(config, read("[dispositions]\nquarantine_below = 20\nstandard_from = 60\n").0);
    assert_eq!(notices.len(), 1);
    for (text, expected) in [
        (
            "[verdict]\nquarantine_below = 20\n[dispositions]\nquarantine_below = 25\n",
            "`verdict.quarantine_below` (line 2) was renamed to `dispositions.quarantine_below` (line 4), and their values differ",
        ),
        (
            "[campaigns]\nmin_calls = 7\nfewest_calls = 8\n",
            "`campaigns.fewest_calls` (line 3) was renamed to `campaigns.min_calls` (line 2), and their values differ",
        ),
    ] {
        let error = Config::parse(text).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn a_mistake_under_an_old_key_is_told_by_the_new_one_with_its_line() {
    for (text, expected) in [
        ("\n[verdict]\nquarantine = 3", "line 3, column 1"),
        ("[verdict]\nquarantine = 3", "dispositions: unknown field `quarantine`"),
        ("verdict = 3", "dispositions: invalid type"),
        ("alerts = 3", "alerts: invalid type"),
        ("[alerts]\nleast = \"info\"", "alerts.min_severity is notice, warning or critical, not \"info\""),
    ] {
        let error = Config::parse(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn a_reload_names_the_tables_that_it_changes_at_once_and_those_that_wait() {
    let before = Config::parse("").unwrap();
    let after = Config::parse("[alerts]\nquiet_s = 20\n[dispositions]\nquarantine_below = 20").unwrap();
    assert_eq!(before.changes_at_once(&after), ["alerts"]);
    assert_eq!(before.waits_for_start(&after), ["dispositions"]);
    assert!(before.changes_at_once(&before).is_empty());
}
