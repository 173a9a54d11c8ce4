-- The first form of the store. Aggregates are JSON documents; beside them stand the columns that queries need.
-- `checksum` is taken over the table's name, the key and the document.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta (key, value) VALUES ('next_sequence', 1), ('delivered', 0);

CREATE TABLE templates (
    digest   TEXT PRIMARY KEY,
    id       TEXT NOT NULL,
    document TEXT NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;

-- `wanted` counts hosts on order, so it is 0 for returns and for requests without a template.
CREATE TABLE requests (
    id          TEXT PRIMARY KEY,
    version     INTEGER NOT NULL,
    template_id TEXT,
    wanted      INTEGER NOT NULL,
    settled     INTEGER NOT NULL CHECK (settled IN (0, 1)),
    document    TEXT NOT NULL,
    checksum    INTEGER NOT NULL
) STRICT;

CREATE INDEX requests_open ON requests (template_id) WHERE settled = 0;

-- `held`: it lives and nobody has asked it to end.
CREATE TABLE machines (
    id          TEXT PRIMARY KEY,
    version     INTEGER NOT NULL,
    request_id  TEXT,
    template_id TEXT,
    name        TEXT,
    status      TEXT NOT NULL,
    held        INTEGER NOT NULL CHECK (held IN (0, 1)),
    document    TEXT NOT NULL,
    checksum    INTEGER NOT NULL
) STRICT;

CREATE INDEX machines_of_request ON machines (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX machines_by_name ON machines (name) WHERE name IS NOT NULL;
CREATE INDEX machines_held ON machines (template_id) WHERE held = 1;

-- The history, and the outbox: what comes after `delivered` is still to be delivered.
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    document TEXT NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;

CREATE INDEX events_by_age ON events (at);
