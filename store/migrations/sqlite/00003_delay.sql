-- The broadcast delay, and the sounds that hosts gave in the place of the program's own.

-- +goose Up
ALTER TABLE rooms ADD COLUMN delay_ms INTEGER NOT NULL DEFAULT 0;

CREATE TABLE carts (
    room_id TEXT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    name    TEXT NOT NULL,
    sound   BLOB NOT NULL,
    PRIMARY KEY (room_id, name)
) STRICT;

-- +goose Down
DROP TABLE carts;
ALTER TABLE rooms DROP COLUMN delay_ms;
