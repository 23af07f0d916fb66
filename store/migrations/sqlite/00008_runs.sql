-- Run-throughs are rooms of their own: of which room one is, and by which key the links are signed that let somebody listen to it.

-- +goose Up
ALTER TABLE rooms ADD COLUMN run_of TEXT NOT NULL DEFAULT '';
ALTER TABLE rooms ADD COLUMN listeners BLOB NOT NULL DEFAULT x'';
CREATE INDEX rooms_run_of ON rooms (run_of) WHERE run_of <> '';

-- +goose Down
DROP INDEX rooms_run_of;
ALTER TABLE rooms DROP COLUMN listeners;
ALTER TABLE rooms DROP COLUMN run_of;
