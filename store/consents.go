package store

import (
	"context"

	"database/sql"

	"github.com/epidaurus-live/epidaurus/room"
)

// AddConsent keeps somebody's answer to whether they may be recorded, beside those before it. Again the same is no error; room.ErrNotFound says
// that there is no such room.
func (s *Store) AddConsent(ctx context.Context, id room.ID, p room.PersonID, c room.Consent) error {
	return s.write(ctx, "consent add", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO consents (room_id, person_id, agreed, text_version, vouched_by, number, answered_at)
			VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, id, p, c.Agreed, c.Text, c.By, c.N, toMillis(c.At))
		return conflict(err)
	})
}

// Consents returns each answer of a room's people, the oldest first.
func (s *Store) Consents(ctx context.Context, id room.ID) ([]room.ConsentRecord, error) {
	var all []room.ConsentRecord
	err := s.each(ctx, `SELECT c.person_id, coalesce(i.name, ''), c.agreed, c.text_version, c.vouched_by, c.number, c.answered_at
		FROM consents c LEFT JOIN invites i ON i.room_id = c.room_id AND i.person_id = c.person_id
		WHERE c.room_id = ? ORDER BY c.answered_at, c.person_id`, id, func(scan func(...any) error) error {
		var (
			r  room.ConsentRecord
			at int64
		)
		err := scan(&r.Person, &r.Name, &r.Agreed, &r.Text, &r.By, &r.N, &at)
		r.At = fromMillis(at)
		all = append(all, r)
		return err
	})
	return all, s.wrap("consents", err)
}

// lastConsents are the answers that count, by person: the last one of each.
func (s *Store) lastConsents(ctx context.Context, id room.ID) (map[room.PersonID]room.Consent, error) {
	records, err := s.Consents(ctx, id)
	var last map[room.PersonID]room.Consent
	for _, r := range records {
		if last == nil {
			last = map[room.PersonID]room.Consent{}
		}
		last[r.Person] = r.Consent
	}
	return last, err
}
