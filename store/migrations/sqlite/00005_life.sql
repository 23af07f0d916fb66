-- What is known of a room's course beside its state, as JSON: the plan that was announced, when it went live, whether its end was asked for.

-- +goose Up
ALTER TABLE rooms ADD COLUMN life TEXT NOT NULL DEFAULT '{}';

-- +goose Down
ALTER TABLE rooms DROP COLUMN life;
