-- Roles that a token does not say (a room was handed over), and origins from which no hand is taken.

-- +goose Up
CREATE TABLE room_roles (
    room_id   TEXT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    person_id TEXT NOT NULL,
    role      TEXT NOT NULL,
    PRIMARY KEY (room_id, person_id)
) STRICT;

CREATE TABLE room_blocks (
    room_id    TEXT    NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    origin     TEXT    NOT NULL,
    blocked_at INTEGER NOT NULL,
    PRIMARY KEY (room_id, origin)
) STRICT;

-- +goose Down
DROP TABLE room_blocks;
DROP TABLE room_roles;
