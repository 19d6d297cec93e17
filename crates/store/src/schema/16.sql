-- The address of record of a tel URI is written as one.
UPDATE registrations SET aor = 'tel:' || substr(aor, 5, length(aor) - 5) WHERE aor LIKE 'sip:%@';
UPDATE registrations SET contact = 'tel:' || substr(contact, 5, length(contact) - 5) WHERE contact LIKE 'sip:%@';
UPDATE timers SET aor = 'tel:' || substr(aor, 5, length(aor) - 5) WHERE aor LIKE 'sip:%@';
UPDATE OR IGNORE approvals SET aor = 'tel:' || substr(aor, 5, length(aor) - 5) WHERE aor LIKE 'sip:%@';
