//! `/devices`: the devices of subscribers.

use bellwether_report::DeviceLine;
use bellwether_store::StoreError;
use maud::{Markup, html};

use super::plain;
use crate::context::Context;
use crate::format::{NONE, count, cut, fixed, signed, t, time};
use crate::link;
use crate::parts::{Head, badge, dense, nothing, pager, text, thing};
use crate::route::Rendered;

/// Subscribers of one page.
const PAGE: usize = 50;

pub(crate) fn list(context: &Context<'_>) -> Result<Rendered, StoreError> {
    let after = context.query("after");
    let (lines, next) = context.reports.device_page(after.unwrap_or_default(), PAGE)?;
    let rows: Vec<Vec<Markup>> = lines.iter().map(row).collect();
    let next = next.map(|aor| link::with_query("/devices", &[("after", &aor)]));
    let body = html! {
        h1 { "Devices" }
        p.lead { "Devices in use, by subscriber, each with the verdict about its right to the account." }
        @if rows.is_empty() { (nothing("No registration was seen.")) } @else {
            (dense("Devices, by address of record", &[
                Head::Text("Subscriber"), Head::Text("Device"), Head::Text("Verdict"), Head::Text("Stack"), Head::Text("Class"),
                Head::Number("Skew ppm"), Head::Text("95 % interval"), Head::Number("Calls"), Head::Number("Addresses"), Head::Text("Last seen"),
            ], &rows))
        }
        (pager(after.map(|_| "/devices"), next.as_deref()))
    };
    Ok(plain("Devices", "/devices", body))
}

fn row(line: &DeviceLine) -> Vec<Markup> {
    vec![
        thing("device", &line.aor, 22),
        html! { code { (cut(&line.device, 20)) } },
        badge(line.verdict.name()),
        html! {
            @match (&line.fingerprint, &line.stack) {
                (Some(print), stack) => a href=(link::to("fingerprint", print)) { (t(stack.as_deref().unwrap_or("unknown stack"))) },
                (None, stack) => (text(stack.as_deref())),
            }
        },
        text(line.class.as_deref()),
        html! { @match line.skew_ppm { Some(skew) => (signed(skew, 1)), None => (NONE) } },
        html! { @match line.skew_ci95_ppm { Some((low, high)) => { (fixed(low, 1)) " to " (fixed(high, 1)) }, None => (NONE) } },
        html! { (count(i64::try_from(line.calls).unwrap_or(i64::MAX))) },
        html! { (line.sources) },
        time(line.last_seen),
    ]
}
