//! Headers, parameters and tokens in large numbers or of great length.

use super::stage::{LARGE, Stage};
use super::text::{Text, count, fill};
use super::{Ordinary, Shape, Shapes};
use crate::world::passport::base64url;

const MESSAGES: (usize, u32, Ordinary) = (600, 10, Ordinary::Invites);

pub(super) fn shapes() -> Vec<Shape> {
    let mut shapes = Shapes::default();
    headers(&mut shapes);
    values(&mut shapes);
    names(&mut shapes);
    tokens(&mut shapes);
    shapes.0
}

/// INVITEs with these additional header lines.
fn lines(shapes: &mut Shapes, name: &str, make: impl Fn(&mut Stage) -> String + 'static) {
    shapes.add(format!("field/{name}"), MESSAGES, move |s| {
        let more = make(s);
        let text = Text::new("INVITE", s.next()).with(more);
        s.send(&text);
    });
}

fn headers(shapes: &mut Shapes) {
    lines(shapes, "short-headers", |_| count(LARGE, |n| format!("X:{}\r\n", n % 10)));
    lines(shapes, "one-letter-lines", |_| fill("C\n", LARGE));
    lines(shapes, "numbered-headers", |_| count(LARGE, |n| format!("X{n}:1\r\n")));
    lines(shapes, "random-headers", |s| {
        let seed = s.rng.bits();
        count(LARGE, |n| format!("X-{:x}: 1\r\n", seed.wrapping_mul(n as u64 | 1)))
    });
    lines(shapes, "one-long-header", |_| format!("X: {}\r\n", "a".repeat(LARGE)));
    lines(shapes, "long-header-name", |_| format!("{}: 1\r\n", "X".repeat(LARGE)));
    lines(shapes, "folded-subject", |_| format!("Subject: a\r\n{}", fill(" b\r\n", LARGE)));
    for header in ["From", "To", "Call-ID", "CSeq", "Content-Length", "Max-Forwards", "Contact", "User-Agent"]
    {
        lines(shapes, &format!("repeated-{}", header.to_lowercase()), move |_| {
            count(LARGE, |n| format!("{header}: {n}\r\n"))
        });
    }
    lines(shapes, "via-lines", |s| {
        let n = s.turn;
        count(LARGE, |k| format!("Via: SIP/2.0/UDP 10.1.{}.{};branch=z9hG4bK{n:x}-{k}\r\n", k >> 8, k & 255))
    });
    lines(shapes, "supported", |_| format!("Supported: {}x\r\n", count(LARGE, |n| format!("o{n},"))));
    lines(shapes, "reasons", |_| count(LARGE, |n| format!("Reason: Q.850;cause={};text=\"a\"\r\n", n % 128)));
    lines(shapes, "warnings", |_| count(LARGE, |n| format!("Warning: 3{:02} h \"a, b\"\r\n", n % 100)));
}

fn values(shapes: &mut Shapes) {
    for header in [
        "Contact",
        "Route",
        "Record-Route",
        "P-Asserted-Identity",
        "P-Preferred-Identity",
        "Diversion",
        "History-Info",
        "Refer-To",
        "Path",
    ] {
        let name = header.to_lowercase();
        lines(shapes, &format!("numbers-in-{name}"), move |s| {
            let seed = s.rng.below(1_000_000);
            count(LARGE, |n| {
                format!("{header}: \"Name {n}\" <sip:49{seed:06}{n:04}@10.1.0.1;user=phone>;index=1.{n}\r\n")
            })
        });
        lines(shapes, &format!("list-in-{name}"), move |_| {
            let list = count(LARGE, |n| format!("<sip:a{n}@10.1.{}.{}>,", n >> 8, n & 255));
            format!("{header}: {list}<sip:z@h>\r\n")
        });
    }
    for header in
        ["Contact", "Content-Type", "Authorization", "Proxy-Authorization", "Session-Expires", "Identity"]
    {
        lines(shapes, &format!("parameters-of-{}", header.to_lowercase()), move |_| {
            let start = if header.ends_with("rization") { "Digest realm=\"r\"" } else { "<sip:a@h>" };
            let mark = if header.ends_with("rization") { ',' } else { ';' };
            format!("{header}: {start}{}\r\n", count(LARGE, |n| format!("{mark}p{n}={n}")))
        });
    }
    lines(shapes, "escaped-parties", |_| {
        count(LARGE, |n| format!("P-Asserted-Identity: <sip:%34%39%33%30{n:08}@h>\r\n"))
    });
    // Masking of parties' numbers in identifiers compares every run of digits with every party.
    lines(shapes, "runs-of-digits-and-parties", |_| {
        let runs = count(LARGE / 2, |n| format!("{:07} ", 1_234_567 + n));
        let parties = count(LARGE / 2, |n| format!("P-Asserted-Identity: <sip:4930{:08}@h>\r\n", n * 977));
        format!("{parties}X-Agent: {runs}\r\n")
    });
    shapes.add("field/agent-of-digits-and-parties", MESSAGES, |s| {
        let mut text = Text::new("INVITE", s.next());
        text.agent = count(LARGE / 2, |n| format!("{:07} ", 1_234_567 + n));
        text.more = count(LARGE / 2, |n| format!("P-Asserted-Identity: <sip:4930{:08}@h>\r\n", n * 977));
        s.send(&text);
    });
}

fn names(shapes: &mut Shapes) {
    let token = |claims: &str, ppt: &str| {
        let head =
            format!(r#"{{"alg":"ES256","ppt":"{ppt}","typ":"passport","x5u":"https://c.example/x.pem"}}"#);
        let url = "https://c.example/x.pem";
        let [head, claims] = [head.as_str(), claims].map(|part| base64url(part.as_bytes()));
        format!("Identity: {head}.{claims}.{};info=<{url}>;alg=ES256;ppt={ppt}\r\n", "A".repeat(86))
    };
    let claims = |n: u64, with: &str| {
        format!(
            r#"{{"attest":"A","dest":{{"tn":["49{n:010}"]}},"iat":1790000000,{with}"orig":{{"tn":"49{n:010}"}},"origid":"{n:x}"}}"#
        )
    };
    lines(shapes, "identities", move |s| {
        let seed = s.rng.below(1_000_000_000);
        count(LARGE, |n| token(&claims(seed + n as u64, ""), "shaken"))
    });
    lines(shapes, "div-chain", move |s| {
        let seed = s.rng.below(1_000_000_000);
        count(LARGE, |n| token(&claims(seed + n as u64, r#""div":{"tn":"4930123"},"#), "div"))
    });
    let room = LARGE * 3 / 4 - 400;
    let numbers = count(room - 200, |n| format!("\"49{n:010}\","));
    let bombs = [
        ("numbers", format!(r#"{{"dest":{{"tn":[{numbers}"1"]}},"iat":1,"orig":{{"tn":"1"}}}}"#)),
        ("arrays", fill("[", room)),
        ("objects", fill("{\"a\":", room)),
        ("escapes", format!(r#"{{"dest":{{"tn":["{}"]}}}}"#, fill("\\u0031", room - 50))),
        ("keys", format!("{{{}\"z\":1}}", count(room - 50, |n| format!("\"k{n}\":1,")))),
        ("same-keys", format!("{{{}\"z\":1}}", fill("\"dest\":{\"tn\":[\"1\"]},", room - 50))),
        ("digits", format!("{{\"iat\":{}}}", "1".repeat(room - 50))),
        ("opt", format!(r#"{{"opt":"{}"}}"#, base64url(fill("{\"a\":", room * 3 / 4 - 100).as_bytes()))),
    ];
    for (name, bomb) in bombs {
        let line = token(&bomb, if name == "opt" { "div-o" } else { "shaken" });
        lines(shapes, &format!("passport-of-{name}"), move |_| line.clone());
    }
    lines(shapes, "passport-of-dots", |_| format!("Identity: {}\r\n", fill("eyJ.", LARGE)));
    lines(shapes, "passport-long-signature", move |_| {
        format!("Identity: e30.e30.{};info=<https://c/x.pem>\r\n", fill("A", LARGE))
    });
}

fn tokens(shapes: &mut Shapes) {
    let mut field = |name: &str, set: fn(&mut Text, String)| {
        shapes.add(format!("field/long-{name}"), MESSAGES, move |s| {
            let n = s.next();
            let mut text = Text::new("INVITE", n);
            set(&mut text, format!("{}{n}", fill("a1.b2-", LARGE - 100)));
            s.send(&text);
        });
        shapes.add(format!("field/digits-{name}"), MESSAGES, move |s| {
            let n = s.next();
            let mut text = Text::new("INVITE", n);
            set(&mut text, format!("{}{n}", fill("4930111122", LARGE - 100)));
            s.send(&text);
        });
    };
    field("call-id", |t, v| t.call_id = v);
    field("from-tag", |t, v| t.tag = v);
    field("to-tag", |t, v| t.to_tag = v);
    field("branch", |t, v| t.branch = v);
    field("agent", |t, v| t.agent = v);
    field("caller", |t, v| t.from = v[..LARGE / 2 - 50].into());
    field("callee", |t, v| t.to = v[..LARGE / 2 - 50].into());
    field("host", |t, v| t.host = v[..LARGE / 3 - 50].into());
    field("parameters-of-from", |t, v| t.tag = format!("t{}", v[..LARGE / 2].replace(['.', '-', '0'], ";p")));
    field("content-type", |t, v| t.kind = format!("multipart/mixed;boundary={v}"));
    // Each request and its response repeat the identifier, so that it is stored and looked up more than once.
    shapes.add("field/long-call-id-answered", (600, 10, Ordinary::Calls), |s| {
        let n = s.next();
        let mut text = Text::new("INVITE", n);
        text.call_id = format!("{n}{}", "c".repeat(LARGE));
        s.ask(&text, "180 Ringing", "");
        s.ask(&text, "200 OK", "");
    });
}
