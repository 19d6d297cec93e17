/// The label that a disposition of the switch amounts to: true for fraud, false for legit. None for any other disposition, which
/// labels nothing. Upper and lower case count the same.
#[must_use]
pub fn is_fraud_label(disposition: &str) -> Option<bool> {
    match disposition.to_ascii_lowercase().as_str() {
        "fraud" | "fraud_quarantine" | "confirmed_fraud" | "spam" | "robocall" => Some(true),
        "legit" | "legitimate" | "confirmed_legit" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disposition_that_confirms_nothing_labels_nothing() {
        assert_eq!(is_fraud_label("Robocall"), Some(true));
        assert_eq!(is_fraud_label("CONFIRMED_LEGIT"), Some(false));
        for open in ["", "quarantine", "not_fraud", "fraud?"] {
            assert_eq!(is_fraud_label(open), None, "{open}");
        }
    }
}
