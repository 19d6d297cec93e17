-- Words of signals that many scores share, with `#` in place of each number.
CREATE TABLE phrases (
    id     INTEGER PRIMARY KEY,
    signal TEXT NOT NULL,
    words  TEXT NOT NULL,
    UNIQUE (signal, words)
) STRICT;

-- Tokens of what many calls share have 64 bits, as fingerprints do.
UPDATE calls SET origin = substr(origin, 1, 16), deployment = substr(deployment, 1, 16),
    callee_neighbourhood = substr(callee_neighbourhood, 1, 16), caller_neighbourhood = substr(caller_neighbourhood, 1, 16);
UPDATE OR REPLACE standings SET name = substr(name, 1, 16) WHERE layer IN ('deployment', 'origin');
UPDATE OR IGNORE list_changes SET name = substr(name, 1, 16) WHERE layer IN ('deployment', 'origin');

-- Who was dialled, if it is not the callee.
ALTER TABLE calls ADD COLUMN dialled_otherwise TEXT;
UPDATE calls SET dialled_otherwise = dialled WHERE dialled <> callee;
DROP VIEW calls_now;
ALTER TABLE calls DROP COLUMN dialled;

-- A call of which nothing came but its INVITE has no row in outcomes: it went where that went.
CREATE VIEW calls_now AS
    SELECT c.*, coalesce(c.dialled_otherwise, c.callee) AS dialled, o.answered_at, o.ended_at, o.final_status,
        coalesce(o.last_destination, c.destination) AS last_destination,
        coalesce(o.access_side, c.first_access_side) AS access_side,
        CASE WHEN o.id IS NULL THEN c.first_trunk_id ELSE o.trunk_id END AS trunk_id,
        coalesce(o.duplicates, 0) AS duplicates, coalesce(o.retransmissions, 0) AS retransmissions,
        coalesce(o.hops, 1) AS hops, coalesce(o.forks, 0) AS forks, coalesce(o.reinvites, 0) AS reinvites,
        coalesce(o.cancelled, 0) AS cancelled
    FROM calls AS c LEFT JOIN outcomes AS o ON o.id = c.id;
