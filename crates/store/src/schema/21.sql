-- The readings of a call's numbers, as `enrich::NumberReadings` writes them: country, class and range.
ALTER TABLE calls ADD COLUMN caller_readings TEXT;
ALTER TABLE calls ADD COLUMN called_readings TEXT;
-- Fraud that is no robocall campaign. `evidence` is a JSON list of sentences.
CREATE TABLE incidents (
    incident          INTEGER PRIMARY KEY,
    kind              TEXT NOT NULL,
    severity          TEXT NOT NULL,
    subject           TEXT NOT NULL,
    opened_at         INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    closed_at         INTEGER,
    state             TEXT NOT NULL,
    calls             INTEGER NOT NULL,
    exposed_minutes   REAL NOT NULL,
    exposed_money     REAL NOT NULL,
    fraud_probability REAL NOT NULL,
    evidence          TEXT NOT NULL,
    merged_into       INTEGER
) STRICT;
CREATE INDEX incidents_by_time ON incidents (updated_at);
-- The calls of an incident. A call belongs to one incident at most.
CREATE TABLE incident_members (
    call     INTEGER PRIMARY KEY,
    incident INTEGER NOT NULL
) STRICT;
CREATE INDEX incident_members_by_incident ON incident_members (incident);
-- The incident that an alert tells of, and what happened to it.
ALTER TABLE alerts ADD COLUMN incident INTEGER;
ALTER TABLE alerts ADD COLUMN state TEXT;
