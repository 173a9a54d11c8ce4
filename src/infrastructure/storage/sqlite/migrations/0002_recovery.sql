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
CREATE INDEX machines_ended ON machines (changed_at) WHERE status = 'terminated';
