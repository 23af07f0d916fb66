-- +goose Up
-- Rooms that were made before are not taped apart: nobody in them was told.
ALTER TABLE rooms ADD COLUMN tracks INTEGER NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE rooms DROP COLUMN tracks;
