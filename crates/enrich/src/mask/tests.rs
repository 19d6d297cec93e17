use super::*;
use proptest::prelude::*;

fn tokens(privacy: Privacy) -> Tokeniser {
    Tokeniser::new(&[9; 32], privacy)
}

fn named(names: &[&str]) -> Named {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A text masked as natural text and as an identifier.
fn masked(names: &[&str], text: &str) -> (String, String) {
    let (tokens, named) = (tokens(Privacy::Tokens), named(names));
    let mask = Mask::new(&tokens, &named);
    (mask.text(text).to_string(), mask.identifier(text).to_string())
}

fn identifier(names: &[&str], text: &str) -> String {
    masked(names, text).1
}

#[test]
fn a_partys_number_is_masked_however_it_is_written() {
    for (text, expected) in [
        ("call-+4930123456-9@h", "call-+xxxxxxxxxx-x@h"),
        ("03012345 6@h", "xxxxxxxx x@h"),
        ("49-30-12.34.56@h", "xx-xx-xx.xx.xx@h"),
        ("aff4930123456ab@h", "affxxxxxxxxxxab@h"),
        ("0049(30)123456", "xxxx(xx)xxxxxx"),
        ("%34%39%33%30%31%32%33%34%35%36", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
        ("34393330313233343536", "xxxxxxxxxxxxxxxxxxxx"),
        ("+49 30 12 34 56", "+xx xx xx xx xx"),
    ] {
        assert_eq!(identifier(&["+49 (30) 123-456"], text), expected, "{text}");
        assert_eq!(identifier(&["4930123456"], text), expected, "{text}");
    }
    assert_eq!(identifier(&["12345"], "a-12345-b"), "a-xxxxx-b");
    assert_eq!(identifier(&["10001"], "call@10.0.0.1"), "call@10.0.0.1");
    assert_eq!(identifier(&["101"], "a101b@h"), "a101b@h");
}

#[test]
fn another_run_that_can_be_a_number_is_masked_and_versions_and_hexadecimal_are_not() {
    let none: &[&str] = &[];
    assert_eq!(masked(none, "App/2 (user 493012345678)").0, "App/2 (user xxxxxxxxxxxx)");
    assert_eq!(masked(none, "Phone +49 30 7654 77 01").0, "Phone +xx xx xxxx xx xx");
    assert_eq!(masked(none, "Phone (030) 7654-7701").0, "Phone (xxx) xxxx-xxxx");
    assert_eq!(
        masked(none, "3CXPhone 6.0.26523.0 at 192.168.100.115").0,
        "3CXPhone 6.0.26523.0 at 192.168.100.115"
    );
    assert_eq!(masked(none, "12125550188.pbx.example").0, "xxxxxxxxxxx.pbx.example");
    assert_eq!(identifier(none, "a84b4c7612345678e@h"), "a84b4c7612345678e@h");
    assert_eq!(identifier(none, "u493076540016.x@h"), "uxxxxxxxxxxxx.x@h");
    assert_eq!(identifier(none, "493076540016-1@h"), "xxxxxxxxxxxx-1@h");
    assert_eq!(identifier(none, "1849405ec5d01400-5060@10.1.1.16"), "1849405ec5d01400-5060@10.1.1.16");
    assert_eq!(identifier(none, "535288039233199174357761"), "535288039233199174357761");
}

#[test]
fn words_of_a_partys_name_are_masked_and_words_of_telephony_are_not() {
    let names = ["Erika Müller", "erika.muster", "asterisk", "Li Bo"];
    assert_eq!(masked(&names, "Asterisk PBX of ERIKA").0, "Asterisk PBX of xxxxx");
    assert_eq!(identifier(&names, "erikamuster-77@h"), "xxxxxxxxxxx-77@h");
    assert_eq!(masked(&names, "x-Müller").0, "x-xxxxxx");
    assert_eq!(masked(&["bob"], "bob@kabob").0, "xxx@kabob");
}

#[test]
fn words_are_found_in_any_script_case_and_spelling() {
    for (name, text, expected) in [
        ("Müller", "x-MÜLLER-1", "x-xxxxxx-1"),
        ("MÜLLER", "müller", "xxxxxx"),
        ("Müllerz", "m%C3%BCllerz@h", "xxxxxxxxxxxx@h"),
        ("alice.smithers", "al%69ce.sm%69thers@h", "xxxxxxx.xxxxxxxxxx@h"),
        ("Smi\\thers", "smithers-7", "xxxxxxxx-7"),
        ("王小明", "王小明的电话@h", "xxx的电话@h"),
        ("李明", "x李明@h", "xxx@h"),
    ] {
        assert_eq!(masked(&[name], text).0, expected, "{name} {text}");
    }
}

#[test]
fn a_partys_number_is_found_across_any_separators() {
    for text in [
        "493012,345678@h",
        "4930*1234*5678",
        "49301=23456=78",
        "49301~23456~78@h",
        "49.30--12..34 56 - 78",
        "49301@23456.78",
        "4930–1234–5678",
    ] {
        let masked = identifier(&["+493012345678"], text);
        assert!(!masked.chars().any(|c| c.is_ascii_digit()), "{text} {masked}");
    }
}

#[test]
fn a_caller_who_is_called_like_a_tool_hides_none() {
    let tokens = tokens(Privacy::Tokens);
    let named = named(&["scanner", "friendly", "asterisk", "sipvicious", "linphone"]);
    let mask = Mask::new(&tokens, &named);
    for agent in ["friendly-scanner", "Phone with SIPVicious inside", "App (Linphone/4.2)", "pbx by asterisk"]
    {
        assert_eq!(mask.agent(agent), agent);
    }
}

#[test]
fn of_a_beginning_the_part_before_a_name_stays() {
    let tokens = tokens(Privacy::Tokens);
    let named = named(&["Maximilianovich", "+4930123456"]);
    let mask = Mask::new(&tokens, &named);
    assert_eq!(mask.unnamed_beginning("a.Maximilian"), "a.");
    assert_eq!(mask.unnamed_beginning("z9hG4bK"), "z9hG4bK");
}

#[test]
fn the_name_of_no_codec_is_told_by_its_token() {
    let tokens = tokens(Privacy::Tokens);
    let mask = Mask::unnamed(&tokens);
    assert_eq!(mask.codec(&Clear::from("PCMU".to_owned())), "PCMU");
    assert!(mask.codec(&Clear::from("AliceSmithers".to_owned())).starts_with("unknown~"));
}

#[test]
fn what_tells_devices_apart_still_does_so_masked() {
    let tokens = tokens(Privacy::Tokens);
    let mask = Mask::unnamed(&tokens);
    let (a, b) = (mask.distinct("node 493076540016"), mask.distinct("node 493076540017"));
    assert!(a.starts_with("node xxxxxxxxxxxx~") && a != b);
    assert_eq!(mask.distinct("node a1b2"), "node a1b2");
}

#[test]
fn nothing_is_masked_where_the_operator_asked_for_clear_text() {
    let tokens = tokens(Privacy::Clear);
    assert_eq!(Mask::new(&tokens, &named(&["4930123456"])).identifier("4930123456@h"), "4930123456@h");
}

#[test]
fn a_number_in_a_hosts_place_is_a_number() {
    let tokens = tokens(Privacy::Tokens);
    let mask = Mask::unnamed(&tokens);
    assert_eq!(mask.host("+12125550188"), tokens.user("+12125550188"));
    assert_eq!(mask.host("12125550188.pbx.example"), "xxxxxxxxxxx.pbx.example");
    assert_eq!(mask.host("192.0.2.115"), "192.0.2.115");
}

proptest! {
    /// No spelling of a party's number keeps its last seven digits together, and masking twice changes
    /// nothing.
    #[test]
    fn no_spelling_of_a_number_passes(
        number in "[1-9][0-9]{6,14}",
        prefix in prop::sample::select(vec!["", "+", "00", "+49", "0049", "(0)", "x", "a"]),
        separator in prop::sample::select(vec!["", "-", ".", " ", "/", "_", ") "]),
        size in 1_usize..5,
        before in "[a-z@.-]{0,5}",
        after in "[a-z@.-]{0,5}",
    ) {
        let grouped: Vec<&str> = number.as_bytes().chunks(size).map(|c| std::str::from_utf8(c).unwrap()).collect();
        let text = format!("{before}{prefix}{}{after}", grouped.join(separator));
        let (plain, id) = masked(&[&number], &text);
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let tail = &number[number.len() - 7..];
        prop_assert!(!digits(&plain).contains(tail) && !digits(&id).contains(tail), "{text} {plain} {id}");
        prop_assert_eq!(masked(&[&number], &plain).0, plain);
    }

    #[test]
    fn any_text_keeps_its_length(text in any::<String>(), name in any::<String>()) {
        let (plain, id) = masked(&[&name], &text);
        prop_assert_eq!((plain.chars().count(), id.chars().count()), (text.chars().count(), text.chars().count()));
    }
}
