//! Messages on the other side of the proxy.

use crate::sip::PROXY;

/// The branch of the proxy for a message.
fn proxy_via(text: &str) -> String {
    let branch = text.split("branch=").nth(1).and_then(|rest| rest.split("\r\n").next()).unwrap_or_default();
    let unique: String = branch.chars().rev().filter(char::is_ascii_alphanumeric).take(16).collect();
    format!("Via: SIP/2.0/UDP {};branch=z9hG4bKr{unique}\r\n", PROXY.ip())
}

/// A request as the proxy forwards it.
pub(crate) fn forwarded(text: &str) -> String {
    let Some((start, rest)) = text.split_once("\r\n") else { return text.to_owned() };
    let route = if start.starts_with("INVITE") { "Record-Route: <sip:10.20.0.2;lr>\r\n" } else { "" };
    let rest = rest.replace("Max-Forwards: 70", "Max-Forwards: 69");
    format!("{start}\r\n{}{route}{rest}", proxy_via(text))
}

/// A response or BYE as the called party sends it to the proxy.
pub(crate) fn passed(text: &str) -> String {
    let Some((start, rest)) = text.split_once("\r\n") else { return text.to_owned() };
    if start.starts_with("BYE") {
        return text.replace(&format!("Via: SIP/2.0/UDP {}", PROXY.ip()), "Via: SIP/2.0/UDP 192.0.2.9");
    }
    format!("{start}\r\n{}{rest}", proxy_via(text))
}
