//! The columns that a table shows, and those that a narrow table leaves out first.

use bellwether_report::Report;

/// The columns of a table, in order. The other formats have all columns.
pub(super) const fn shown(report: Report) -> &'static [&'static str] {
    match report {
        Report::Calls => &[
            "started_at",
            "caller",
            "callee",
            "source",
            "final_status",
            "duration_s",
            "access_side",
            "score",
            "disposition",
            "campaign",
            "fingerprint",
            "stack",
            "user_agent",
            "claim",
            "call_id",
        ],
        Report::Campaigns => &[
            "campaign",
            "kind",
            "calls",
            "callers",
            "callees",
            "sources",
            "answered",
            "score",
            "confirmed",
            "state",
            "found_at",
            "first_seen",
            "last_seen",
        ],
        Report::Recordings => &[
            "recording",
            "player",
            "calls",
            "callers",
            "sources",
            "heard_s",
            "commonplace",
            "label",
            "campaign",
            "first_seen",
            "last_seen",
        ],
        Report::Incidents => &[
            "incident",
            "kind",
            "severity",
            "subject",
            "state",
            "calls",
            "exposed_minutes",
            "exposed_money",
            "opened_at",
            "updated_at",
            "label",
        ],
        Report::Reputation => &[
            "kind",
            "subject",
            "reputation",
            "list",
            "specificity",
            "honest_parties",
            "calls",
            "fraud_labels",
            "legit_labels",
            "why",
        ],
        Report::Registrations => &[
            "aor",
            "source",
            "user_agent",
            "refreshes",
            "expires_s",
            "period_s",
            "discipline",
            "skew_ppm",
            "skew_ci95_ppm",
            "rate_ppm",
            "no_fit",
            "fingerprint",
            "stack",
            "claim",
        ],
        Report::Streams => &[
            "first_seen",
            "src",
            "dst",
            "direction",
            "codec",
            "packets",
            "lost",
            "jitter_ms",
            "media_skew_ppm",
            "silence",
            "class_reason",
            "sound",
            "recording",
            "call_id",
        ],
        Report::Devices => &[
            "aor",
            "device",
            "verdict",
            "expected_class",
            "class",
            "skew_ppm",
            "stack",
            "calls",
            "enrolled",
            "first_seen",
            "last_seen",
        ],
        Report::Fingerprints => &[
            "fingerprint",
            "method",
            "stack",
            "sdp_stack",
            "calls",
            "registrations",
            "callers",
            "sources",
            "specificity",
            "claimed_agents",
            "claims",
        ],
        Report::Alerts => &["at", "severity", "kind", "state", "subject", "call_id", "message"],
        Report::Losses => &["name", "count", "kind", "spans", "cause", "remedy"],
    }
}

/// The columns that a narrow table leaves out, the first ones first. Columns that stand nowhere here stay.
pub(super) const fn least_important(report: Report) -> &'static [&'static str] {
    match report {
        Report::Calls => &[
            "claim",
            "user_agent",
            "access_side",
            "fingerprint",
            "stack",
            "campaign",
            "duration_s",
            "call_id",
            "final_status",
            "source",
        ],
        Report::Campaigns => &[
            "found_at",
            "confirmed",
            "answered",
            "first_seen",
            "callees",
            "sources",
            "state",
            "callers",
            "last_seen",
        ],
        Report::Recordings => &[
            "commonplace",
            "first_seen",
            "sources",
            "player",
            "heard_s",
            "campaign",
            "label",
            "last_seen",
            "callers",
        ],
        Report::Incidents => &[
            "updated_at",
            "label",
            "exposed_minutes",
            "calls",
            "exposed_money",
            "state",
            "severity",
            "opened_at",
        ],
        Report::Reputation => {
            &["why", "specificity", "legit_labels", "fraud_labels", "calls", "honest_parties"]
        }
        Report::Registrations => &[
            "claim",
            "fingerprint",
            "skew_ci95_ppm",
            "rate_ppm",
            "period_s",
            "stack",
            "user_agent",
            "no_fit",
            "discipline",
            "expires_s",
            "refreshes",
            "skew_ppm",
        ],
        Report::Streams => &[
            "silence",
            "class_reason",
            "recording",
            "media_skew_ppm",
            "sound",
            "call_id",
            "direction",
            "first_seen",
            "jitter_ms",
            "codec",
        ],
        Report::Devices => {
            &["first_seen", "expected_class", "enrolled", "class", "skew_ppm", "stack", "last_seen", "calls"]
        }
        Report::Fingerprints => &[
            "claimed_agents",
            "claims",
            "sdp_stack",
            "specificity",
            "method",
            "sources",
            "registrations",
            "callers",
        ],
        Report::Alerts => &["call_id", "state", "severity", "kind"],
        Report::Losses => &["spans", "kind"],
    }
}

/// True if a column has sentences, which fold between words. All other columns are as wide as their values.
pub(super) fn is_prose(column: &str) -> bool {
    matches!(
        column,
        "message"
            | "cause"
            | "remedy"
            | "why"
            | "spans"
            | "evidence"
            | "readable"
            | "reason"
            | "found"
            | "note"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_that_is_shown_or_left_out_exists() {
        for report in Report::ALL {
            for name in shown(report) {
                assert!(report.place(name).is_some(), "{name}");
            }
            for name in least_important(report) {
                assert!(shown(report).contains(name), "{report:?} shows no {name}");
            }
            assert!(least_important(report).len() < shown(report).len(), "{report:?} keeps a column");
        }
    }
}
