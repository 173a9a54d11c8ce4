-- What recovery and purging ask for. The documents are brought up to date by `rows::upgrade_to_2`.

-- `unclaimed`: a request to get hosts that Host Factory has never asked about.
ALTER TABLE requests ADD COLUMN unclaimed INTEGER NOT NULL DEFAULT 0 CHECK (unclaimed IN (0, 1));
ALTER TABLE requests ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE requests ADD COLUMN changed_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE requests ADD COLUMN template_digest TEXT;

-- `listed`: Host Factory has named it.
ALTER TABLE machines ADD COLUMN listed INTEGER NOT NULL DEFAULT 0 CHECK (listed IN (0, 1));
ALTER TABLE machines ADD COLUMN changed_at INTEGER NOT NULL DEFAULT 0;

CREATE INDEX requests_unclaimed ON requests (created_at) WHERE unclaimed = 1;
CREATE INDEX requests_unsettled ON requests (created_at) WHERE settled = 0;
CREATE INDEX requests_settled ON requests (changed_at) WHERE settled = 1;
CREATE INDEX requests_by_template ON requests (template_digest) WHERE template_digest IS NOT NULL;
CREATE INDEX machines_ended ON machines (changed_at) WHERE held = 0;

-- How many machines each request has. A damaged page of an index hides rows without an error; a count that lies elsewhere
-- tells that they are missing.
CREATE TABLE tallies (
    request_id TEXT PRIMARY KEY,
    machines   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO tallies SELECT request_id, COUNT(*) FROM machines WHERE request_id IS NOT NULL GROUP BY request_id;

CREATE TRIGGER machine_added AFTER INSERT ON machines WHEN NEW.request_id IS NOT NULL BEGIN
    INSERT INTO tallies VALUES (NEW.request_id, 1) ON CONFLICT DO UPDATE SET machines = machines + 1;
END;

CREATE TRIGGER machine_removed AFTER DELETE ON machines WHEN OLD.request_id IS NOT NULL BEGIN
    DELETE FROM tallies WHERE request_id = OLD.request_id AND machines = 1;
    UPDATE tallies SET machines = machines - 1 WHERE request_id = OLD.request_id;
END;

CREATE TRIGGER machine_moved AFTER UPDATE OF request_id ON machines WHEN OLD.request_id IS NOT NEW.request_id BEGIN
    DELETE FROM tallies WHERE request_id = OLD.request_id AND machines = 1;
    UPDATE tallies SET machines = machines - 1 WHERE request_id = OLD.request_id;
    INSERT INTO tallies SELECT NEW.request_id, 1 WHERE NEW.request_id IS NOT NULL
        ON CONFLICT DO UPDATE SET machines = machines + 1;
END;
