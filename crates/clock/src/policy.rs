//! The rule by which a program derives its refresh period from the granted expiry. The rule is a trait of the
//! program.

/// Observed factors of the expiry.
const SHARES: [f64; 8] = [0.9, 0.5, 0.75, 0.8, 0.85, 0.95, 0.7, 2.0 / 3.0];

/// Observed seconds before the expiry.
const BEFORE: [f64; 9] = [5.0, 10.0, 1.0, 2.0, 3.0, 15.0, 20.0, 30.0, 60.0];

/// Names the rule that gives a period in seconds for a granted expiry: `expires`, `expires - 5 s`, `expires x
/// 0.9`; none if no known rule fits. If several rules give the same period, the shortest name is used,
/// because one reading cannot distinguish them.
#[must_use]
pub fn policy(period_s: f64, expires_s: u32) -> Option<String> {
    let expires = f64::from(expires_s);
    let is = |nominal: f64| nominal > 0.0 && (nominal - period_s).abs() < 0.26;
    if period_s <= 0.0 {
        return None;
    }
    if is(expires) {
        return Some("expires".to_owned());
    }
    if let Some(before) = BEFORE.iter().find(|before| is(expires - *before)) {
        // Expiry minus a tenth and expiry minus some seconds can be equal, for example at 30 s.
        let share = SHARES.iter().find(|share| is(expires * *share));
        return Some(match share {
            Some(share) => {
                format!("expires - {before} s or expires x {share:.3}").trim_end_matches('0').to_owned()
            }
            None => format!("expires - {before} s"),
        });
    }
    let share = SHARES.iter().find(|share| is(expires * *share))?;
    Some(format!("expires x {share:.3}").trim_end_matches('0').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_named() {
        assert_eq!(policy(54.0, 60).as_deref(), Some("expires x 0.9"));
        assert_eq!(policy(55.0, 60).as_deref(), Some("expires - 5 s"));
        assert_eq!(policy(60.0, 60).as_deref(), Some("expires"));
        assert_eq!(policy(27.0, 30).as_deref(), Some("expires - 3 s or expires x 0.9"));
        assert_eq!(policy(2700.0, 3600).as_deref(), Some("expires x 0.75"));
        assert_eq!(policy(41.0, 60), None);
        assert_eq!(policy(0.0, 60), None);
    }
}
