//! The operator's knowledge of numbers, names and signers, from the configuration and its files.

use std::path::Path;

use bellwether_enrich::{Brands, Certificates, DialPlan, Knowledge, RiskyDestinations};

use crate::args::Common;
use crate::config::Config;
use crate::notes::note;
use crate::outcome::Failure;

pub(crate) fn load(common: &Common, config: &Config) -> Result<Knowledge, Failure> {
    let numbering = &config.numbering;
    let plan = DialPlan {
        country_code: numbering.country_code.clone(),
        international: numbering.international_prefixes.clone(),
        national: numbering.national_prefix.clone(),
        emergency: numbering.emergency.clone(),
    };
    let risky = match numbering.high_risk_file.as_str() {
        "" => RiskyDestinations::default(),
        path => RiskyDestinations::parse(&text(path)?).map_err(|e| Failure::Usage(format!("{path}: {e}")))?,
    };
    let brands = match numbering.brands_file.as_str() {
        "" => Brands::default(),
        path => Brands::parse(&text(path)?),
    };
    let certificates = match &common.stir_certs {
        Some(folder) => certificates(common, folder)?,
        None => Certificates::default(),
    };
    Ok(Knowledge { plan, risky, brands, certificates })
}

fn text(path: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|e| Failure::Usage(format!("cannot read {path}: {e}")))
}

/// The PEM files of a folder. A file that cannot be used is noted and skipped.
fn certificates(common: &Common, folder: &Path) -> Result<Certificates, Failure> {
    let wrong = |e: std::io::Error| Failure::Usage(format!("cannot read {}: {e}", folder.display()));
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    let mut all = Certificates::default();
    for path in paths {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let octets = std::fs::read(&path)
            .map_err(|e| Failure::Usage(format!("cannot read {}: {e}", path.display())))?;
        if !octets.windows(10).any(|w| w == b"-----BEGIN") {
            continue;
        }
        if let Err(e) = all.add(name, &octets) {
            note(common, &format!("{} is skipped: {e}", path.display()));
        }
    }
    if all.is_empty() {
        return Err(Failure::Usage(format!(
            "{} contains no certificate and no public key",
            folder.display()
        )));
    }
    Ok(all)
}
