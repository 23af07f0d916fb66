-- +goose Up
-- Rooms of before were not taped, and nobody in them was told that they would be.
ALTER TABLE rooms ADD COLUMN tape TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE rooms DROP COLUMN tape;
