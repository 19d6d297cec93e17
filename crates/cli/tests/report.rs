//! `report` as people expect it: columns, order, conditions, narrow tables; names in clear text and as tables shorten them.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use common::{Room, project, text};

/// Eight calls of four extensions, which registered before.
fn filled() -> Room {
    let room = Room::new();
    let capture = project().join("pcaps/lab-calls-failed.pcapng");
    room.replay("bellwether.db", "1", &[&capture]);
    room
}

/// One column of a report.
fn column(room: &Room, name: &str, more: &[&str]) -> Vec<String> {
    let out = room.expect(0, &[&["--format", "jsonl", "report", "calls", "--columns", name], more].concat());
    let values =
        out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()[name].clone());
    values.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect()
}

#[test]
fn columns_are_those_asked_for_in_their_order_in_every_format() {
    let room = filled();
    let said = |format| {
        room.expect(0, &["--format", format, "report", "calls", "--columns", "score,caller", "--limit", "1"])
    };
    assert_eq!(said("csv").lines().next(), Some("score,caller"));
    assert!(said("jsonl").starts_with("{\"score\":"), "{}", said("jsonl"));
    assert!(said("table").starts_with("SCORE  CALLER"));
    assert!(room.expect(2, &["report", "calls", "--columns", "score,size"]).contains("no column size"));
}

#[test]
fn a_limit_keeps_the_newest_and_an_order_decides_otherwise() {
    let room = filled();
    let all = column(&room, "started_at", &[]);
    assert!(all.is_sorted() && all.len() == 8);
    assert_eq!(column(&room, "started_at", &["--limit", "3"]), all[5..]);
    let newest_first: Vec<String> = all.iter().rev().cloned().collect();
    assert_eq!(column(&room, "started_at", &["--newest-first"]), newest_first);
    assert_eq!(column(&room, "started_at", &["--newest-first", "--limit", "2"]), newest_first[..2]);
    assert_eq!(column(&room, "started_at", &["--sort", "started_at", "--limit", "2"]), all[..2]);
    let statuses = column(&room, "final_status", &["--sort", "final_status:desc"]);
    let numbers: Vec<u32> = statuses.iter().map(|status| status.parse().unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| a >= b), "{numbers:?}");
    assert!(room.expect(2, &["report", "losses", "--newest-first"]).contains("no time"));
}

#[test]
fn a_narrow_table_drops_columns_and_names_them_and_folds_no_word() {
    let room = filled();
    let output = room.run(&["report", "calls", "--width", "80"]);
    let (table, told) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(table.lines().count(), 9, "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    assert!(told.contains("no room for the columns") && told.contains("user_agent"), "{told}");
    assert!(
        table.starts_with("STARTED_AT") && table.contains("DISPOSITION") && table.contains("  76  standard"),
        "{table}"
    );
    let wide = room.run(&["report", "calls"]);
    assert!(text(&wide.stdout).contains("USER_AGENT") && wide.stderr.is_empty());
    assert!(room.run(&["-q", "report", "calls", "--width", "80"]).stderr.is_empty());
}

#[test]
fn where_nothing_matches_the_number_of_rows_and_the_newest_are_told() {
    let room = filled();
    let said = |more: &[&str]| room.expect(0, &[&["report", "calls"], more].concat());
    let newest = column(&room, "started_at", &["--limit", "1"])[0][..19].replace('T', " ");
    let expected = format!("none of 8 calls matches; the newest is of {newest}");
    assert!(said(&["--since", "1s"]).starts_with(&expected), "{}", said(&["--since", "1s"]));
    assert!(said(&["--where", "final_status=999"]).starts_with(&expected));
    assert_eq!(room.expect(0, &["report", "incidents", "--since", "1s"]), "none\n");
    assert_eq!(room.expect(0, &["--format", "jsonl", "report", "calls", "--since", "1s"]), "");
}

#[test]
fn conditions_are_typed_and_combine() {
    let room = filled();
    let count = |condition: &str| column(&room, "call_id", &["--where", condition]).len();
    assert_eq!(count("final_status=486 or final_status=404"), count("final_status in (404, 486)"));
    assert_eq!(count("final_status in (404, 486)") + count("not final_status in (404, 486)"), 8);
    assert_eq!(
        count("stack~*BARESIP and final_status>=486"),
        count("stack~baresip and not final_status<486")
    );
    assert_eq!(count("started_at>=2026-11-21T03:42:45Z") + count("started_at<2026-11-21T03:42:45Z"), 8);
    for (condition, expected) in [
        ("score>=abc", "score is a number"),
        ("final_status=200 score>50", "final_status is a number"),
        ("disposition=quarantined", "one of quarantine"),
    ] {
        let error = room.expect(2, &["report", "calls", "--where", condition]);
        assert!(error.contains(expected), "{condition}: {error}");
    }
}

#[test]
fn a_name_in_clear_text_or_a_shortened_token_finds_the_rows_of_the_token() {
    let room = filled();
    let caller = column(&room, "caller", &["--limit", "1"]).remove(0);
    let wanted = column(&room, "call_id", &["--where", &format!("caller={caller}")]);
    let shortened = format!("caller={}..", &caller[..8]);
    assert_eq!(column(&room, "call_id", &["--where", &shortened]), wanted);
    let clear = ["101", "102", "103", "104"]
        .map(|user| column(&room, "caller", &["--where", &format!("caller={user}")]));
    assert!(clear.iter().any(|callers| callers.contains(&caller)), "{clear:?}");
    let of_domain = column(&room, "caller", &["--where", "caller=sip:101@lab.example"]);
    assert_eq!(of_domain, column(&room, "caller", &["--where", "caller=101"]));
    let error = room.expect(1, &["report", "calls", "--where", "caller=00000000.."]);
    assert!(error.contains("no token begins with 00000000"), "{error}");
    // Without the key a number cannot be found, and a token can.
    std::fs::remove_file(room.path("bellwether.key")).unwrap();
    assert!(room.expect(2, &["report", "calls", "--where", "caller=101"]).contains("needs this key"));
    assert_eq!(column(&room, "call_id", &["--where", &shortened]), wanted);
}

#[test]
fn a_device_is_found_by_each_of_its_names() {
    let room = Room::new();
    let capture = project().join("pcaps/lab-register.pcap");
    room.replay("bellwether.db", "1", &[&capture]);
    let rows = room.rows("bellwether.db", "registrations");
    let aors: std::collections::BTreeSet<&str> = rows.iter().filter_map(|row| row["aor"].as_str()).collect();
    let aor = aors.iter().find(|aor| aor.ends_with("@lab.example")).unwrap();
    let user = &aor[4..36];
    let shown = room.expect(0, &["show", "device", aor]);
    for name in [format!("sip:{}..@lab.example", &user[..8]), format!("{}..", &user[..8]), user.to_owned()] {
        assert_eq!(room.expect(0, &["show", "device", &name]), shown, "{name}");
        assert_eq!(
            room.expect(
                0,
                &["--format", "jsonl", "report", "registrations", "--where", &format!("aor={name}")]
            ),
            room.expect(
                0,
                &["--format", "jsonl", "report", "registrations", "--where", &format!("aor={aor}")]
            ),
        );
    }
    let clear = (100..130).map(|n| room.run(&["show", "device", &format!("sip:{n}@lab.example")]));
    assert!(clear.filter(|output| output.status.success()).any(|output| text(&output.stdout) == shown));
    room.expect(1, &["show", "device", "nobody@nowhere.example"]);
}

#[test]
fn the_terms_of_a_score_add_up_to_the_stored_score() {
    let room = Room::new();
    room.replay(
        "bellwether.db",
        "1",
        &[&project().join("pcaps/campaigns"), &project().join("pcaps/lab-calls-mixed.pcap")],
    );
    let (mut sums, mut reduced) = (0, 0);
    for call in room.rows("bellwether.db", "calls").iter().filter_map(|call| call["call_id"].as_str()) {
        let shown = room.expect(0, &["--format", "jsonl", "show", "call", call]);
        for leg in shown.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()) {
            let Some(sum) = leg["score_sum"].as_str() else { continue };
            let (terms, rest) = sum.split_once(" = ").unwrap();
            let mut words = terms.split(' ');
            let mut total: f64 = words.next().unwrap().parse().unwrap();
            while let (Some(sign), Some(points), Some(_)) = (words.next(), words.next(), words.next()) {
                total += points.parse::<f64>().unwrap() * if sign == "-" { -1.0 } else { 1.0 };
            }
            let score = leg["score"].as_f64().unwrap();
            assert!((total.clamp(0.0, 100.0) - score).abs() < 0.01, "{sum}: {score}");
            assert!(
                rest.contains(leg["disposition"].as_str().unwrap()) && !rest.contains("version"),
                "{sum}"
            );
            sums += 1;
            reduced += leg["score_reductions"].as_array().unwrap().len();
        }
    }
    assert!(sums > 50 && reduced > 0, "{sums} {reduced}");
}
