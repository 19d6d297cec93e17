-- The side that ended the call: `caller` or `callee`.
ALTER TABLE outcomes ADD COLUMN ended_by TEXT;
DROP VIEW calls_now;
-- A call of which nothing came but its INVITE has no row in outcomes: it went where that went.
CREATE VIEW calls_now AS
    SELECT c.*, coalesce(c.dialled_otherwise, c.callee) AS dialled, o.answered_at, o.ended_at, o.final_status,
        coalesce(o.last_destination, c.destination) AS last_destination,
        coalesce(o.access_side, c.first_access_side) AS access_side,
        CASE WHEN o.id IS NULL THEN c.first_trunk_id ELSE o.trunk_id END AS trunk_id,
        coalesce(o.duplicates, 0) AS duplicates, coalesce(o.retransmissions, 0) AS retransmissions,
        coalesce(o.hops, 1) AS hops, coalesce(o.forks, 0) AS forks, coalesce(o.reinvites, 0) AS reinvites,
        coalesce(o.cancelled, 0) AS cancelled, o.ended_by
    FROM calls AS c LEFT JOIN outcomes AS o ON o.id = c.id;
-- How the call became a member: by `evidence` about the call, by the judgement of its `sender`, as another `leg` of a member, or as a
-- call of a `notification`.
ALTER TABLE campaign_members ADD COLUMN kind TEXT NOT NULL DEFAULT 'evidence';
UPDATE campaign_members SET kind = 'notification' WHERE strength = 0.5 AND why = 'the address notifies many people';
UPDATE campaign_members SET kind = 'sender' WHERE strength = 4.0 AND why LIKE '%(probability %';
UPDATE campaign_members SET kind = 'leg' WHERE strength = 3.0 AND why = 'another leg of the call is a member';
