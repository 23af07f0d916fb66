-- The audience that a host expects; 0: unknown.

-- +goose Up
ALTER TABLE rooms ADD COLUMN expect INTEGER NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE rooms DROP COLUMN expect;
