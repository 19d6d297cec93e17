use bellwether_base::Span;

/// A campaign is dormant after the first time without a call, and ended after the second.
const DORMANT_AFTER: Span = Span::from_secs(86_400);
const ENDED_AFTER: Span = Span::from_secs(14 * 86_400);

/// The kind of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum CampaignKind {
    /// Calls of one originator that hides.
    #[default]
    Campaign,
    /// Calls of a sender that notifies many people and does not hide. No call is quarantined for it.
    Notification,
}

impl CampaignKind {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Campaign => "campaign",
            Self::Notification => "notification",
        }
    }

    /// Finds a kind by its name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        if name == Self::Notification.name() { Self::Notification } else { Self::Campaign }
    }
}

/// The state of a campaign by the time since its last call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CampaignState {
    /// It calls.
    Active,
    /// It has not called for a day.
    Dormant,
    /// It has not called for two weeks.
    Ended,
}

impl CampaignState {
    /// The state of a campaign by the time since its last call.
    #[must_use]
    pub fn after(idle: Span) -> Self {
        if idle <= DORMANT_AFTER {
            Self::Active
        } else if idle <= ENDED_AFTER {
            Self::Dormant
        } else {
            Self::Ended
        }
    }

    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Dormant => "dormant",
            Self::Ended => "ended",
        }
    }
}

/// How a call became a member of a campaign.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MembershipKind {
    /// By evidence about the call.
    #[default]
    Evidence,
    /// By the judgement of its sender. The signal `sender` counts it.
    Sender,
    /// As another leg of a member.
    Leg,
    /// As a call of a notification. It says nothing against the call.
    Notification,
}

impl MembershipKind {
    const ALL: [Self; 4] = [Self::Evidence, Self::Sender, Self::Leg, Self::Notification];

    /// Name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::Sender => "sender",
            Self::Leg => "leg",
            Self::Notification => "notification",
        }
    }

    /// Finds a kind by its name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_campaign_is_dormant_after_a_day_and_ended_after_two_weeks() {
        let state = |hours: i64| CampaignState::after(Span::from_secs(hours * 3600)).name();
        assert_eq!(
            [0, 24, 25, 14 * 24, 14 * 24 + 1].map(state),
            ["active", "active", "dormant", "dormant", "ended"]
        );
    }
}
