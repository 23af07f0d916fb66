-- Answers to whether somebody may be recorded: each of them, since one that was taken back was true until then.

-- +goose Up
CREATE TABLE consents (
    room_id      TEXT    NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    person_id    TEXT    NOT NULL,
    agreed       INTEGER NOT NULL,
    text_version INTEGER NOT NULL,
    vouched_by   TEXT    NOT NULL DEFAULT '', -- a person; empty: the person's own answer
    number       INTEGER NOT NULL,
    answered_at  INTEGER NOT NULL,
    PRIMARY KEY (room_id, person_id, answered_at)
) STRICT;

-- +goose Down
DROP TABLE consents;
