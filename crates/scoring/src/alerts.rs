/// Alerts for the operator, by kind. Each kind is one MSGID of syslog; `docs/alerts.md` explains them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertKind {
    /// A call from a device that its subscriber is not authorised to use.
    DeviceUnauthorised,
    /// One device registers several subscribers.
    DeviceShared,
    /// A trunk dials a number that is reserved for subscribers.
    PortalFromTrunk,
    /// The provisioning system returned no inventory.
    ProvisioningFailed,
    /// A campaign was found.
    CampaignFound,
    /// A call outside any campaign is quarantined.
    CallQuarantined,
    /// One address tries many accounts, or many passwords of one account.
    RegistrationAttack,
    /// A PASSporT was used for another call before.
    PassportReplay,
    /// A platform, deployment or other subject was added to the block list, or removed from it.
    BlockListChanged,
    /// A captured interface stopped delivering packets, or resumed.
    InterfaceAway,
}

impl AlertKind {
    /// All kinds, each with its occasion and the urgency.
    pub const ALL: [(Self, &'static str); 10] = [
        (
            Self::DeviceUnauthorised,
            "a call from a device that its subscriber may not use; critical where the call is sensitive",
        ),
        (Self::DeviceShared, "one device registers several subscribers"),
        (Self::PortalFromTrunk, "a trunk dials a number that only subscribers may dial"),
        (Self::ProvisioningFailed, "the provisioning system gave no inventory"),
        (Self::CampaignFound, "a campaign was found; once more, as critical, when a label confirms it"),
        (
            Self::CallQuarantined,
            "a call that belongs to no campaign is quarantined; critical where its destination is risky",
        ),
        (Self::RegistrationAttack, "one address tries many accounts, or many passwords of one"),
        (Self::PassportReplay, "a PASSporT was used for another call before"),
        (
            Self::BlockListChanged,
            "a platform, deployment or other subject came on the block list, or left it",
        ),
        (
            Self::InterfaceAway,
            "an interface that is captured from brings nothing any more; once more, as notice, when it brings packets again",
        ),
    ];

    /// The name in reports, and the MSGID in syslog.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DeviceUnauthorised => "device_unauthorised",
            Self::DeviceShared => "device_shared",
            Self::PortalFromTrunk => "portal_from_trunk",
            Self::ProvisioningFailed => "provisioning_failed",
            Self::CampaignFound => "campaign_found",
            Self::CallQuarantined => "call_quarantined",
            Self::RegistrationAttack => "registration_attack",
            Self::PassportReplay => "passport_replay",
            Self::BlockListChanged => "block_list_changed",
            Self::InterfaceAway => "interface_away",
        }
    }
}

/// Urgency of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Immediately: money may be lost.
    Critical,
    /// Today.
    Warning,
    /// When there is time.
    Notice,
}

impl Severity {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}
