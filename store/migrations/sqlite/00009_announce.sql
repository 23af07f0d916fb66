-- Invitations to listen, without their tokens, which are signatures and can be made anew; and a room's own picture, as it is shown.

-- +goose Up
CREATE TABLE seat_invitations (
    room_id    TEXT    NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    seat_id    TEXT    NOT NULL,
    generation INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    seats      INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    PRIMARY KEY (room_id, seat_id)
) STRICT;

CREATE TABLE pictures (
    room_id TEXT NOT NULL PRIMARY KEY REFERENCES rooms (id) ON DELETE CASCADE,
    sum     TEXT NOT NULL,
    image   BLOB NOT NULL
) STRICT;

-- +goose Down
DROP TABLE pictures;
DROP TABLE seat_invitations;
