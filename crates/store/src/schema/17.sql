-- Which server accepted a registration, behind whatever proxies, and when it ended: it was removed, or ran out.
ALTER TABLE observations ADD COLUMN registered_by TEXT;
ALTER TABLE observations ADD COLUMN ended_at INTEGER;
