-- One row. lineage and told say which history this database is of: Redis keeps a copy beside what was told to it, and a
-- copy of another lineage, or of more told than this database knows, is of another database or a newer state of this
-- one. key_mark: a known text sealed under SECRET_KEY, by which another key is recognised; NULL until the first start.
CREATE TABLE installation (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    lineage TEXT NOT NULL,
    told INTEGER NOT NULL DEFAULT 0,
    key_mark BLOB
) STRICT;
INSERT INTO installation (id, lineage) VALUES (1, lower(hex(randomblob(16))));
