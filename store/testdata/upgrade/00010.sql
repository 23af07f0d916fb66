INSERT INTO hosts (id, created_at) VALUES ('h0stada1', 1800000000000);
INSERT INTO host_links (hash, host_id, created_at, expires_at, used_at) VALUES
    (unhex('bed8ea5ca6f59c6a4b89b8d7d9e5a8b8ef1f29ba2e4b1ab3c1a7fcd1dbb3a001'), 'h0stada1', 1800000000000, 1800086400000, 1800000001000);
INSERT INTO host_sessions (hash, host_id, created_at, seen_at) VALUES
    (unhex('1111111111111111111111111111111111111111111111111111111111111111'), 'h0stada1', 1800000001000, 1800000001000);
INSERT INTO rooms (id, host_id, host_person, title, lang, state, low_delay, expect, delay_ms, tape, tracks, life, created_at, ended_at) VALUES
    ('harbour-k3f9x2', 'h0stada1', 'p1', 'Harbour talk', 'en', 'live', 1, 1000000, 10000, 'on', 1, '{"plan":{"start":"2027-01-15T08:05:00Z","zone":"Europe/Paris","text":"Talk","lead_s":900,"by_clock":true,"changed":"2027-01-15T08:00:00Z"},"live_at":"2027-01-15T08:05:00.04Z","rev":3}', 1800000002000, NULL),
    ('quay-0a0a0a', 'h0stada1', 'p1', 'Quay', 'fr', 'ended', 0, 0, 0, 'deleted', 0, '{}', 1800000003000, 1800000004000);
INSERT INTO invites (room_id, person_id, role, name, created_at) VALUES
    ('harbour-k3f9x2', 'grace123', 'speaker', 'Grace', 1800000005000),
    ('harbour-k3f9x2', 'mallory1', 'cohost', 'Mallory', 1800000006000);
INSERT INTO removals (room_id, person_id, removed_at) VALUES ('harbour-k3f9x2', 'mallory1', 1800000007000);
INSERT INTO settings (name, value) VALUES ('colour', 'blue');
INSERT INTO carts (room_id, name, sound) VALUES ('harbour-k3f9x2', 'jingle', unhex('52494646'));
INSERT INTO room_roles (room_id, person_id, role) VALUES ('harbour-k3f9x2', 'grace123', 'host'), ('harbour-k3f9x2', 'p1', 'cohost');
INSERT INTO room_blocks (room_id, origin, blocked_at) VALUES ('harbour-k3f9x2', 'b10cked', 1800000008000);
INSERT INTO consents (room_id, person_id, agreed, text_version, vouched_by, number, answered_at) VALUES
    ('harbour-k3f9x2', 'grace123', 0, 1, '', 1, 1800000009000),
    ('harbour-k3f9x2', 'grace123', 1, 1, 'p1', 2, 1800000010000);
INSERT INTO seat_invitations (room_id, seat_id, generation, name, seats, created_at, expires_at, revoked_at) VALUES
    ('harbour-k3f9x2', 'seatada1', 1, 'Ada', 2, 1800000000000, 1900000000, NULL),
    ('harbour-k3f9x2', 'seatbob1', 1, 'Bob', 1, 1800000000000, 1900000000, 1800000001000);
INSERT INTO pictures (room_id, sum, image) VALUES ('harbour-k3f9x2', 'abcdef', x'ffd8ff');
