//! Bodies: descriptions with many sections and attributes, and bodies with many parts.

use super::stage::{LARGE, Stage};
use super::text::{OFFER, Text, count, fill};
use super::{Ordinary, Shape, Shapes};

pub(super) fn shapes() -> Vec<Shape> {
    let mut shapes = Shapes::default();
    media(&mut shapes);
    attributes(&mut shapes);
    parts(&mut shapes);
    shapes.0
}

/// INVITEs with an ordinary offer and additional text. If `is_answered`, the answer has as much.
fn offer(shapes: &mut Shapes, name: &str, is_answered: bool, make: impl Fn(u32) -> String + 'static) {
    let against = if is_answered { Ordinary::Calls } else { Ordinary::Invites };
    shapes.add(format!("sdp/{name}"), (600, 10, against), move |s: &mut Stage| {
        let n = s.next();
        let text = Text::new("INVITE", n).saying(format!("{OFFER}{}", make(n)));
        s.send(&text);
        if is_answered {
            let answer = text.answer("200 OK", "u", "", &text.body.replace("10.0.0.1", "10.0.0.2"));
            s.udp(super::stage::SERVER, super::stage::ATTACKER, &answer);
        }
    });
}

fn media(shapes: &mut Shapes) {
    let port = |n: u32, k: usize| 1024 + (n as usize * 2500 + k * 2) % 64_000;
    for is_answered in [false, true] {
        let name = |name: &str| if is_answered { format!("{name}-answered") } else { name.into() };
        offer(shapes, &name("media"), is_answered, move |n| {
            count(LARGE, |k| format!("m=audio {} RTP/AVP 0 8 18\r\n", port(n, k)))
        });
        offer(shapes, &name("media-with-addresses"), is_answered, move |n| {
            count(LARGE, |k| {
                format!("m=audio {} RTP/AVP 0\r\nc=IN IP4 10.7.{}.{}\r\n", port(n, k), k >> 8 & 255, k & 255)
            })
        });
        offer(shapes, &name("rtpmaps"), is_answered, |_| {
            count(LARGE, |k| format!("a=rtpmap:{} X{k}/8000\r\n", k % 128))
        });
        offer(shapes, &name("candidates"), is_answered, |n| {
            count(LARGE, |k| {
                let n = n as usize + k;
                format!(
                    "a=candidate:{k} 1 UDP {k} 10.8.{}.{} {} typ host\r\n",
                    n >> 8 & 255,
                    n & 255,
                    1024 + k
                )
            })
        });
        offer(shapes, &name("crypto"), is_answered, |_| {
            count(LARGE, |k| format!("a=crypto:{k} AES_CM_128_HMAC_SHA1_80 inline:{k:040}\r\n"))
        });
    }
    offer(shapes, "media-short", false, |_| fill("m=\r\n", LARGE));
    offer(shapes, "media-of-other-kinds", false, |_| count(LARGE, |k| format!("m=x{k} 9 UDP/X{k} a\r\n")));
    offer(shapes, "formats", false, |_| {
        format!("m=audio 4002 RTP/AVP{}\r\n", count(LARGE, |k| format!(" {}", k % 128)))
    });
    offer(shapes, "formats-and-rtpmaps", false, |_| {
        let formats = count(LARGE / 2, |k| format!(" {}", k % 128));
        let maps = count(LARGE / 2, |k| format!("a=rtpmap:{} X{k}/8000\r\n", k % 128));
        format!("m=audio 4002 RTP/AVP{formats}\r\n{maps}")
    });
    offer(shapes, "attributes-and-media", false, |_| {
        let attributes = count(LARGE / 2, |k| format!("a=x{k}\r\n"));
        let media = count(LARGE / 2, |k| format!("m=audio {} RTP/AVP 0\r\n", 1024 + k));
        format!("{attributes}{media}")
    });
    offer(shapes, "groups-and-mids", false, |_| {
        let mids = count(LARGE / 3, |k| format!(" {k}"));
        let media = count(LARGE / 2, |k| format!("m=audio 9 RTP/AVP 0\r\na=mid:{k}\r\n"));
        format!("a=group:BUNDLE{mids}\r\n{media}")
    });
}

fn attributes(shapes: &mut Shapes) {
    let print = "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33";
    offer(shapes, "addresses", false, |_| {
        count(LARGE, |k| format!("c=IN IP4 10.7.{}.{}\r\n", k >> 8, k & 255))
    });
    offer(shapes, "attributes", false, |_| count(LARGE, |k| format!("a=x{k}:1\r\n")));
    offer(shapes, "attributes-short", false, |_| fill("a=a\r\n", LARGE));
    offer(shapes, "attribute-long", false, |_| format!("a=x:{}\r\n", fill("y", LARGE)));
    offer(shapes, "fmtps", false, |_| count(LARGE, |k| format!("a=fmtp:{} {k}=1;x={k}\r\n", k % 128)));
    offer(shapes, "fmtp-long", false, |_| format!("a=fmtp:0 {}\r\n", count(LARGE, |k| format!("p{k}={k};"))));
    offer(shapes, "fingerprints", false, move |_| {
        count(LARGE, |_| format!("a=fingerprint:sha-1 {print}\r\n"))
    });
    offer(shapes, "sources", false, |_| count(LARGE, |k| format!("a=ssrc:{} cname:c{k}\r\n", k * 77_777)));
    offer(shapes, "rtcp", false, |_| count(LARGE, |k| format!("a=rtcp:{} IN IP4 10.7.0.1\r\n", 1024 + k)));
    offer(shapes, "bandwidths", false, |_| count(LARGE, |k| format!("b=AS:{k}\r\n")));
    offer(shapes, "origins", false, |_| count(LARGE, |k| format!("o=- {k} {k} IN IP4 10.0.0.1\r\n")));
    offer(shapes, "garbage", false, |_| fill("=\r\n", LARGE));
    offer(shapes, "line-ends", false, |_| fill("\n", LARGE));
    offer(shapes, "random-names", false, |n| {
        count(LARGE, |k| {
            format!("a=x-{:x}\r\n", (u64::from(n) << 20 | k as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
        })
    });
}

/// INVITEs with many body parts.
fn parts(shapes: &mut Shapes) {
    let mut body = |name: &str, boundary: &str, body: String| {
        let kind = format!("multipart/mixed;boundary=\"{boundary}\"");
        shapes.add(format!("body/{name}"), (600, 10, Ordinary::Invites), move |s| {
            let mut text = Text::new("INVITE", s.next()).saying(body.as_str());
            text.kind.clone_from(&kind);
            s.send(&text);
        });
    };
    let part = "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n";
    body("parts", "b", format!("{}--b--\r\n", fill(part, LARGE)));
    let described = format!("--b\r\nContent-Type: application/sdp\r\n\r\n{OFFER}");
    body("described-parts", "b", format!("{}--b--\r\n", fill(&described, LARGE)));
    body("delimiters", "b", fill("--b\r\n", LARGE));
    body("dashes", "b", fill("--", LARGE));
    body("almost-delimiters", &"-".repeat(70), format!("{}\r\n", fill("-", LARGE)));
    body("unclosed", "b", format!("--b\r\n{}", fill("X: 1\r\n", LARGE)));
    body("other-boundary", "b", fill("\r\n--c\r\n\r\n", LARGE));
    let nested =
        count(LARGE, |k| format!("--b\r\nContent-Type: multipart/mixed;boundary=b{k}\r\n\r\n--b{k}\r\n"));
    body("nested", "b", nested);
    body(
        "headers-of-a-part",
        "b",
        format!("--b\r\n{}\r\n{OFFER}\r\n--b--", count(LARGE, |k| format!("X{k}: 1\r\n"))),
    );
}
