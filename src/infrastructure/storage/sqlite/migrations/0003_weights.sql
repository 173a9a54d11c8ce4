-- Capacity units, for `maxNumber`: a host of a weighted type counts for several. Documents of schema 2 are read as they are.

ALTER TABLE machines ADD COLUMN weight INTEGER NOT NULL DEFAULT 1;
