-- One row for each entity: what it is as a JSON document, and beside it what is looked up.
CREATE TABLE entity (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    parent TEXT,
    name TEXT,
    -- Position in the order of creation.
    ordinal BIGINT NOT NULL,
    -- The change that made it what it is.
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE UNIQUE INDEX entity_ordinal ON entity (kind, ordinal);
CREATE INDEX entity_parent ON entity (kind, parent, ordinal);
CREATE INDEX entity_name ON entity (kind, name, ordinal);
-- The same twice is refused by rules with better words; this is for the day when a rule is wrong.
CREATE UNIQUE INDEX entity_file ON entity (parent, name) WHERE kind = 'asset_file';
CREATE UNIQUE INDEX entity_endpoint ON entity (name) WHERE kind = 'streaming_endpoint';

-- How many there are of each kind: counting a million rows for each new one would take too long.
CREATE TABLE tally (
    kind TEXT NOT NULL PRIMARY KEY,
    count BIGINT NOT NULL
);

-- Links of many to many, in the order in which they were made.
CREATE TABLE link (
    kind TEXT NOT NULL,
    from_id TEXT NOT NULL,
    to_id TEXT NOT NULL,
    ordinal BIGINT NOT NULL,
    PRIMARY KEY (from_id, kind, to_id)
);
CREATE INDEX link_to ON link (to_id, kind);

-- Key material and credentials, sealed under the master key that is named.
CREATE TABLE secret (
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    master TEXT NOT NULL,
    sealed TEXT NOT NULL,
    PRIMARY KEY (owner, name)
);

-- Containers of deleted assets, until storage has removed them.
CREATE TABLE removal (
    account TEXT NOT NULL,
    container TEXT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (account, container)
);

-- What was changed, when and by whom: the audit log, and how nodes hear of each other's changes.
CREATE TABLE change (
    sequence BIGINT NOT NULL,
    position BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    parent TEXT,
    detail TEXT NOT NULL,
    PRIMARY KEY (sequence, position)
);

-- One row. Each transaction begins by raising the sequence, which also keeps the others waiting: numbers
-- are given in the order in which transactions end, and none is left out.
CREATE TABLE head (
    id BIGINT NOT NULL PRIMARY KEY,
    sequence BIGINT NOT NULL
);
INSERT INTO head (id, sequence) VALUES (1, 0);
