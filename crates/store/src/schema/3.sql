-- The tunnel or agent that brought the first message: kind, sender, session.
ALTER TABLE calls ADD COLUMN mirror TEXT;
ALTER TABLE registrations ADD COLUMN mirror TEXT;
