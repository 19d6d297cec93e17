-- Recordings that several calls play: words of 64 bits with their times, which only the owner of the key can read.
CREATE TABLE recordings (
    recording   INTEGER PRIMARY KEY,
    player      TEXT NOT NULL,
    print       BLOB NOT NULL,
    last_seen   INTEGER NOT NULL,
    commonplace INTEGER NOT NULL DEFAULT 0,
    stock       INTEGER NOT NULL DEFAULT 0,
    campaign    INTEGER
) STRICT;
CREATE INDEX recordings_by_campaign ON recordings (campaign) WHERE campaign IS NOT NULL;
-- The first words of earlier versions cannot be compared with these.
DROP TABLE prompts;
-- What the beginning of a stream sounds like, how much of it was heard, and how deep its pauses are.
ALTER TABLE streams ADD COLUMN sound TEXT;
ALTER TABLE streams ADD COLUMN heard_ms INTEGER;
ALTER TABLE streams ADD COLUMN pause_depth_db INTEGER;
ALTER TABLE streams ADD COLUMN digital_silence_percent INTEGER;
-- The recording that it plays, if several calls do, with the logarithm of the likelihood ratio, and the time that both share.
ALTER TABLE streams ADD COLUMN recording INTEGER;
ALTER TABLE streams ADD COLUMN recording_log_ratio REAL;
ALTER TABLE streams ADD COLUMN recording_shared_ms INTEGER;
CREATE INDEX streams_by_recording ON streams (recording) WHERE recording IS NOT NULL;
