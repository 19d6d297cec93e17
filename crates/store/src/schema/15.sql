-- A stream stands in one call, and here in the other legs of its conversation that name it too.
CREATE TABLE stream_legs (
    call       INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    stream     INTEGER NOT NULL,
    direction  TEXT NOT NULL,
    PRIMARY KEY (call, first_seen, stream)
) STRICT, WITHOUT ROWID;
CREATE INDEX stream_legs_by_time ON stream_legs (first_seen, stream);

-- Calls that are not judged, as somebody calls for help.
CREATE INDEX calls_for_help ON calls (id) WHERE instr(marks, 'emergency') > 0;
