//! Settings of incidents: fraud that is no robocall campaign.

use bellwether_base::Timestamp;
use bellwether_report::rfc3339;
use bellwether_scoring::{
    AccountExemption, Exempt, Exemption, IncidentKind, IncidentLimits, IncidentRates, IncidentSettings,
};
use serde::Deserialize;

use super::Config;
use super::site::network;

/// `[fraud]`
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FraudSettings {
    false_per_million: f64,
    rates: RateTable,
    limits: LimitTable,
    off: Vec<OffEntry>,
}

/// `[fraud.rates]`
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RateTable {
    domestic: f64,
    plain: f64,
    risky: f64,
    satellite: f64,
    premium: f64,
    shared_cost: f64,
    toll_free: f64,
}

/// `[fraud.limits]`
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitTable {
    new_account_minutes: NewAccount,
    account_money_day: f64,
    critical_money: f64,
}

/// `new_account_minutes`
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct NewAccount {
    risky: f64,
    satellite: f64,
}

/// `[[fraud.off]]`: one kind, account, source or country that is not looked at.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OffEntry {
    kind: Option<String>,
    account: Option<String>,
    source: Option<String>,
    country: Option<String>,
    reason: String,
    until: Option<String>,
}

impl Default for FraudSettings {
    fn default() -> Self {
        Self {
            false_per_million: IncidentSettings::default().false_per_million,
            rates: RateTable::default(),
            limits: LimitTable::default(),
            off: Vec::new(),
        }
    }
}

impl Default for RateTable {
    fn default() -> Self {
        let IncidentRates { domestic, plain, risky, satellite, premium, shared_cost, toll_free } =
            IncidentSettings::default().rates;
        Self { domestic, plain, risky, satellite, premium, shared_cost, toll_free }
    }
}

impl Default for LimitTable {
    fn default() -> Self {
        let limits = IncidentSettings::default().limits;
        Self {
            new_account_minutes: NewAccount::default(),
            account_money_day: limits.account_money_day,
            critical_money: limits.critical_money,
        }
    }
}

impl Default for NewAccount {
    fn default() -> Self {
        let limits = IncidentSettings::default().limits;
        Self { risky: limits.new_account_risky_minutes, satellite: limits.new_account_satellite_minutes }
    }
}

/// What an entry of `[[fraud.off]]` exempts.
enum Off {
    Known(Exempt),
    Account(String),
}

impl OffEntry {
    fn what(&self) -> Result<Off, String> {
        let given = [&self.kind, &self.account, &self.source, &self.country];
        if given.iter().filter(|value| value.is_some()).count() != 1 {
            return Err("an entry of fraud.off names one of kind, account, source and country".to_owned());
        }
        if let Some(kind) = &self.kind {
            let kind: IncidentKind = kind.parse().map_err(|_| {
                let all = IncidentKind::ALL.map(IncidentKind::name).join(", ");
                format!("fraud.off.kind \"{kind}\" is none of {all}")
            })?;
            return Ok(Off::Known(Exempt::Kind(kind)));
        }
        if let Some(source) = &self.source {
            let network = network(source).map_err(|why| format!("fraud.off.source: {why}"))?;
            return Ok(Off::Known(Exempt::Network(network)));
        }
        if let Some(country) = &self.country {
            let code = country.trim_start_matches('+').parse();
            let code = code.map_err(|_| format!("fraud.off.country \"{country}\" is no country code"))?;
            return Ok(Off::Known(Exempt::Country(code)));
        }
        let account = self.account.as_deref().unwrap_or_default().trim();
        if account.is_empty() {
            return Err("fraud.off.account is empty".to_owned());
        }
        Ok(Off::Account(account.to_owned()))
    }

    fn until(&self) -> Result<Option<Timestamp>, String> {
        let Some(text) = &self.until else { return Ok(None) };
        let until = crate::when::moment(text, jiff::Timestamp::UNIX_EPOCH);
        until.map(Some).map_err(|_| format!("fraud.off.until \"{text}\" is no time or date"))
    }
}

impl Config {
    /// The settings of incidents, and the accounts that are exempt.
    pub(super) fn incidents(&self) -> Result<(IncidentSettings, Vec<AccountExemption>), String> {
        let fraud = &self.fraud;
        if !(fraud.false_per_million > 0.0 && fraud.false_per_million <= 1000.0) {
            return Err(format!(
                "fraud.false_per_million ({}) must lie above 0 and be 1000 at most",
                fraud.false_per_million
            ));
        }
        let RateTable { domestic, plain, risky, satellite, premium, shared_cost, toll_free } = fraud.rates;
        let LimitTable { new_account_minutes, account_money_day, critical_money } = &fraud.limits;
        let amounts = [
            domestic,
            plain,
            risky,
            satellite,
            premium,
            shared_cost,
            toll_free,
            new_account_minutes.risky,
            new_account_minutes.satellite,
            *account_money_day,
            *critical_money,
        ];
        if !amounts.iter().all(|amount| amount.is_finite() && *amount >= 0.0) {
            return Err("the rates and limits of fraud must be numbers from 0 on".to_owned());
        }
        let country = self.numbering.country_code.trim_start_matches('+');
        let mut settings = IncidentSettings {
            false_per_million: fraud.false_per_million,
            home: country.parse().ok(),
            rates: IncidentRates { domestic, plain, risky, satellite, premium, shared_cost, toll_free },
            limits: IncidentLimits {
                new_account_risky_minutes: new_account_minutes.risky,
                new_account_satellite_minutes: new_account_minutes.satellite,
                account_money_day: *account_money_day,
                critical_money: *critical_money,
            },
            exemptions: Vec::new(),
        };
        let mut accounts = Vec::new();
        for entry in &fraud.off {
            let (reason, until) = (entry.reason.clone(), entry.until()?);
            if reason.trim().is_empty() {
                return Err("an entry of fraud.off needs a reason".to_owned());
            }
            match entry.what()? {
                Off::Known(what) => settings.exemptions.push(Exemption { what, reason, until }),
                Off::Account(account) => accounts.push(AccountExemption { account, reason, until }),
            }
        }
        Ok((settings, accounts))
    }

    /// Sentences that explain the settings, for `config check`.
    pub(super) fn explain_fraud(&self) -> Vec<String> {
        let Ok((settings, accounts)) = self.incidents() else { return Vec::new() };
        let mut told = vec![format!(
            "fraud: an incident needs evidence of {:.1} million to 1, and costly calls of one account {:.2} million to 1, so that an honest account or address makes as many calls on average before a false one",
            settings.threshold().exp() / 1e6,
            settings.costly_threshold().exp() / 1e6
        )];
        told.push(match settings.home {
            Some(home) => format!("fraud: the site is in +{home}; other countries are abroad"),
            None => "fraud: the site's country is learned from its callers; numbering.country_code says it"
                .to_owned(),
        });
        let all = settings.exemptions.iter().map(|of| (words(&of.what), &of.reason, of.until));
        let accounts = accounts.iter().map(|of| (format!("account {}", of.account), &of.reason, of.until));
        for (what, reason, until) in all.chain(accounts) {
            let until = until.map_or("for good".to_owned(), |until| format!("until {}", rfc3339(until)));
            told.push(format!("fraud: not looked at {until}: {what} ({reason})"));
        }
        told
    }
}

fn words(what: &Exempt) -> String {
    match what {
        Exempt::Kind(kind) => format!("incidents of the kind {kind}"),
        Exempt::Account(_) => "an account".to_owned(),
        Exempt::Network(network) => format!("source {network}"),
        Exempt::Country(country) => format!("calls to +{country}"),
    }
}
