-- Times are Unix milliseconds. Secrets are kept as their SHA-256 only.

-- +goose Up
CREATE TABLE hosts (
    id         TEXT    NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE host_links (
    hash       BLOB    NOT NULL PRIMARY KEY,
    host_id    TEXT    NOT NULL REFERENCES hosts (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT;

CREATE TABLE host_sessions (
    hash       BLOB    NOT NULL PRIMARY KEY,
    host_id    TEXT    NOT NULL REFERENCES hosts (id),
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE rooms (
    id          TEXT    NOT NULL PRIMARY KEY,
    host_id     TEXT    NOT NULL REFERENCES hosts (id),
    host_person TEXT    NOT NULL,
    title       TEXT    NOT NULL,
    lang        TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    low_delay   INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    ended_at    INTEGER
) STRICT;

CREATE INDEX rooms_by_host ON rooms (host_id, created_at);

CREATE TABLE invites (
    room_id    TEXT    NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    person_id  TEXT    NOT NULL,
    role       TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (room_id, person_id)
) STRICT;

-- Apart from invites: whoever holds a signed token can be removed, invited through this table or not.
CREATE TABLE removals (
    room_id    TEXT    NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    person_id  TEXT    NOT NULL,
    removed_at INTEGER NOT NULL,
    PRIMARY KEY (room_id, person_id)
) STRICT;

CREATE TABLE settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- +goose Down
DROP TABLE settings;
DROP TABLE removals;
DROP TABLE invites;
DROP TABLE rooms;
DROP TABLE host_sessions;
DROP TABLE host_links;
DROP TABLE hosts;
