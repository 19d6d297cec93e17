use super::*;

#[test]
fn the_printed_default_is_the_default() {
    assert_eq!(Config::parse(DEFAULT).unwrap(), Config::default());
    let limits = Config::default().limits();
    assert_eq!(limits, Limits::default());
}

#[test]
fn every_setting_stands_in_the_printed_default() {
    let table: toml::Table = DEFAULT.parse().unwrap();
    let keys = |name: &str| table.get(name).and_then(toml::Value::as_table).unwrap().len();
    let counts =
        ["sense", "confine", "database", "analysis", "mirror", "limits", "timeouts", "site"].map(keys);
    assert_eq!(counts, [2, 4, 4, 2, 1, 10, 6, 3]);
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
        ("[signals.dead_air]\nsecs = \"many\"", "no number"),
        ("[verdict]\nquarantine_below = 80", "in order"),
        ("[reputation]\nblock_at = 50.0", "in order"),
        ("[[alerts.receivers]]\nname = \"a\"\ntarget = \"ftp://x\"", "receiver \"a\""),
        ("[[site.trunks]]\nname=\"a\"\nnetworks=[]\nattestation=\"D\"", "A, B, C"),
        ("privacy = \"none\"", "tokens"),
        ("[confine]\nseccomp = \"yes\"", "required"),
        ("[confine]\nseccmp = \"on\"", "nearest known key is `seccomp`"),
        ("[limits]\ncalls = 0", "limits.calls must lie between"),
        ("[timeouts]\nstream_s = -1", "timeouts.stream_s must lie above 0"),
        ("[site]\naccess = [\"10.0.0.0/99\"]", "neither an address nor a network"),
        ("[[site.trunks]]\nname=\"a\"\nnetworks=[]\n[[site.trunks]]\nname=\"a\"\nnetworks=[]", "\"a\" twice"),
    ] {
        let error = Config::parse(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
}
