-- What a call's tokens amount to, and what its calls share beside the platform.
ALTER TABLE calls ADD COLUMN attestation TEXT;
ALTER TABLE calls ADD COLUMN passport TEXT;
-- A JSON object: signer, origid, x5u, age in seconds, what is wrong, what is unusual.
ALTER TABLE calls ADD COLUMN identity TEXT;
ALTER TABLE calls ADD COLUMN deployment TEXT;
ALTER TABLE calls ADD COLUMN caller_neighbourhood TEXT;
-- What campaigns are looked for by, as words: so that a later run can go on from the calls of this one.
ALTER TABLE calls ADD COLUMN marks TEXT;

-- How calls are judged, by the id of their row.
CREATE TABLE scores (
    id          INTEGER PRIMARY KEY,
    -- 0 while the call goes on, 1 at its end, 2 when it has taught reputation what it had to.
    stage       INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    score       REAL NOT NULL,
    disposition TEXT NOT NULL,
    -- As reports show it: a JSON array.
    signals     TEXT NOT NULL,
    campaign    INTEGER
) STRICT;

-- What somebody who knows said of a call, a fingerprint or a campaign.
CREATE TABLE labels (
    kind    TEXT NOT NULL,
    -- Of calls their identity, of the others their name.
    subject TEXT NOT NULL,
    -- fraud or legit.
    label   TEXT NOT NULL,
    -- When the subject was seen last: from then on the label fades.
    at      INTEGER NOT NULL,
    -- Who said it: operator, telemetry.
    source  TEXT NOT NULL,
    PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;

-- What became of calls, as the systems behind the switch tell it.
CREATE TABLE telemetry (
    call             INTEGER PRIMARY KEY,
    at               INTEGER NOT NULL,
    fraud_score      REAL,
    disposition      TEXT,
    talk_time_s      REAL,
    agent            TEXT
) STRICT;

-- The reputation that was observed of platforms, deployments, instances and origins; labels are beside it.
CREATE TABLE standings (
    layer      TEXT NOT NULL,
    name       TEXT NOT NULL,
    legit      REAL NOT NULL,
    fraud      REAL NOT NULL,
    as_of      INTEGER,
    hour       INTEGER NOT NULL,
    hour_legit REAL NOT NULL,
    hour_fraud REAL NOT NULL,
    calls      INTEGER NOT NULL,
    parties    BLOB NOT NULL,
    listed     TEXT NOT NULL,
    PRIMARY KEY (layer, name)
) STRICT, WITHOUT ROWID;

-- Why a subject came on a list, or left it.
CREATE TABLE list_changes (
    id       INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    layer    TEXT NOT NULL,
    name     TEXT NOT NULL,
    from_list TEXT NOT NULL,
    to_list  TEXT NOT NULL,
    standing REAL NOT NULL,
    why      TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX list_changes_once ON list_changes (layer, name, at, to_list);

CREATE TABLE campaigns (
    campaign     INTEGER PRIMARY KEY,
    name         TEXT NOT NULL,
    found_at     INTEGER NOT NULL,
    first_seen   INTEGER NOT NULL,
    last_seen    INTEGER NOT NULL,
    calls        INTEGER NOT NULL,
    is_confirmed INTEGER NOT NULL,
    told         INTEGER NOT NULL,
    -- A JSON array of kind and evidence.
    links        TEXT NOT NULL,
    -- The one that took it over.
    merged_into  INTEGER
) STRICT;
CREATE INDEX campaigns_by_name ON campaigns (name);

CREATE TABLE campaign_members (
    campaign INTEGER NOT NULL,
    call     INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    strength REAL NOT NULL,
    why      TEXT NOT NULL,
    PRIMARY KEY (campaign, call)
) STRICT, WITHOUT ROWID;
CREATE INDEX campaign_members_by_call ON campaign_members (call);

-- What befell a campaign beside calls that joined.
CREATE TABLE campaign_events (
    id       INTEGER PRIMARY KEY,
    campaign INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    what     TEXT NOT NULL
) STRICT;
CREATE INDEX campaign_events_by_campaign ON campaign_events (campaign);

-- What leads to a campaign: keyed hashes of platforms, origins, blocks of numbers.
CREATE TABLE campaign_keys (
    key      INTEGER PRIMARY KEY,
    campaign INTEGER NOT NULL
) STRICT;

-- How recordings of campaigns begin: 192 bits each, of which no audio can be made.
CREATE TABLE prompts (
    print    BLOB PRIMARY KEY,
    campaign INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How far each receiver of alerts has them, and how many were passed over or refused.
CREATE TABLE deliveries (
    receiver TEXT PRIMARY KEY,
    up_to    INTEGER NOT NULL,
    skipped  INTEGER NOT NULL DEFAULT 0,
    refused  INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Numbers of alerts are never used again: a receiver that has them up to one must not take a later one for known.
CREATE TABLE alerts_9 (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    severity TEXT NOT NULL,
    subject  TEXT NOT NULL,
    message  TEXT NOT NULL,
    call     INTEGER,
    campaign TEXT
) STRICT;
INSERT INTO alerts_9 SELECT id, at, kind, severity, subject, message, call, campaign FROM alerts;
DROP TABLE alerts;
ALTER TABLE alerts_9 RENAME TO alerts;
CREATE UNIQUE INDEX alerts_once ON alerts (kind, subject, at, coalesce(call, 0));

-- Who calls, in order of time: an account is known by its latest calls. And what a campaign that is taken over leaves behind.
DROP INDEX calls_by_caller;
CREATE INDEX calls_by_caller ON calls (caller, started_at);
CREATE INDEX scores_by_campaign ON scores (campaign) WHERE campaign IS NOT NULL;
CREATE INDEX campaign_keys_by_campaign ON campaign_keys (campaign);
CREATE INDEX prompts_by_campaign ON prompts (campaign);
