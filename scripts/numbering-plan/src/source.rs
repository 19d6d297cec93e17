//! The library's metadata and version.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use prost::Message;
use rlibphonenumber::{PhoneMetadata, PhoneMetadataCollection, PhoneNumberDesc, PhoneNumberType};

use crate::Result;

/// Most digits of an international number (ITU-T E.164 section 6).
pub(crate) const MAX_DIGITS: usize = 15;

/// Everything that the table is made from.
pub(crate) struct Source {
    /// Names and versions, as the database records them.
    pub(crate) version: String,
    pub(crate) codes: Vec<Code>,
}

/// A country code with its regions, the main one first.
pub(crate) struct Code {
    pub(crate) number: i32,
    pub(crate) regions: Vec<PhoneMetadata>,
    /// Lengths of national numbers that E.164 allows behind the code.
    pub(crate) lengths: BTreeSet<usize>,
    /// The digits that subscribers dial before a national number.
    pub(crate) prefix: String,
}

impl Code {
    /// The region that a number belongs to if its digits do not tell.
    pub(crate) fn main(&self) -> &str {
        self.regions.first().map_or("001", |main| main.id.as_str())
    }

    fn new(number: i32, regions: Vec<PhoneMetadata>) -> Self {
        let main = regions.first();
        let most = MAX_DIGITS - number.to_string().len();
        let lengths = main.and_then(|main| main.general_desc.as_ref()).map(|desc| &desc.possible_length);
        let lengths = lengths.into_iter().flatten().filter_map(|length| usize::try_from(*length).ok());
        let prefix = main.map(|main| main.national_prefix().to_owned()).unwrap_or_default();
        Self { number, lengths: lengths.filter(|length| *length <= most).collect(), prefix, regions }
    }
}

/// The price class of a number, as far as the library tells.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Class {
    Ordinary,
    Premium,
    SharedCost,
    TollFree,
}

impl Class {
    /// Name in the database, as `NumberClass` of the crate spells it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::Premium => "premium",
            Self::SharedCost => "shared_cost",
            Self::TollFree => "toll_free",
        }
    }

    /// The letter that the table writes behind a region.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Ordinary => "",
            Self::Premium => "/p",
            Self::SharedCost => "/s",
            Self::TollFree => "/t",
        }
    }
}

impl From<PhoneNumberType> for Class {
    fn from(kind: PhoneNumberType) -> Self {
        match kind {
            PhoneNumberType::PremiumRate => Self::Premium,
            PhoneNumberType::SharedCost => Self::SharedCost,
            PhoneNumberType::TollFree => Self::TollFree,
            _ => Self::Ordinary,
        }
    }
}

/// The kinds of numbers that a region may have, with their classes. The library tries them in this order.
pub(crate) fn kinds(region: &PhoneMetadata) -> impl Iterator<Item = (Class, &PhoneNumberDesc)> {
    let all = [
        (Class::Premium, &region.premium_rate),
        (Class::TollFree, &region.toll_free),
        (Class::SharedCost, &region.shared_cost),
        (Class::Ordinary, &region.voip),
        (Class::Ordinary, &region.personal_number),
        (Class::Ordinary, &region.pager),
        (Class::Ordinary, &region.uan),
        (Class::Ordinary, &region.voicemail),
        (Class::Ordinary, &region.fixed_line),
        (Class::Ordinary, &region.mobile),
    ];
    all.into_iter().filter_map(|(class, desc)| Some((class, desc.as_ref()?)))
}

impl Source {
    /// Reads the data where cargo unpacked the library.
    pub(crate) fn find() -> Result<Self> {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let output = Command::new(cargo)
            .args(["metadata", "--format-version", "1", "--locked", "--manifest-path"])
            .arg(&manifest)
            .output()?;
        let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let packages = metadata["packages"].as_array().ok_or("cargo metadata tells no packages")?;
        let library = packages
            .iter()
            .find(|package| package["name"] == "rlibphonenumber")
            .ok_or("no rlibphonenumber")?;
        let text = |key: &str| library[key].as_str().ok_or("cargo metadata has another form");
        let folder = Path::new(text("manifest_path")?).parent().ok_or("the library has no folder")?;
        let readme = std::fs::read_to_string(folder.join("Readme.md"))?;
        let data = readme
            .split_once("Used metadata version:** `v")
            .and_then(|(_, rest)| rest.split('`').next())
            .ok_or("the library's Readme does not tell the version of its data")?;
        let octets = std::fs::read(folder.join("src/generated/metadata/metadata.bin"))?;
        let mut by_code: BTreeMap<i32, Vec<PhoneMetadata>> = BTreeMap::new();
        for region in PhoneMetadataCollection::decode(octets.as_slice())?.metadata {
            let regions = by_code.entry(region.country_code()).or_default();
            let place = if region.main_country_for_code() { 0 } else { regions.len() };
            regions.insert(place, region);
        }
        Ok(Self {
            version: format!("libphonenumber {data} (rlibphonenumber {})", text("version")?),
            codes: by_code.into_iter().map(|(number, regions)| Code::new(number, regions)).collect(),
        })
    }
}
