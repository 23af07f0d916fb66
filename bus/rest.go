package bus

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"

	"github.com/epidaurus-live/epidaurus/room"
)

// rest is what the store says about a room that this version does not know: a newer node said it, and a change by this one keeps it.
type rest struct {
	facts map[string]json.RawMessage // members of the facts
	life  map[string]json.RawMessage // members of their life
}

const lifeMember = "life"

var (
	factsMembers = membersOf(reflect.TypeFor[room.Facts]())
	lifeMembers  = membersOf(reflect.TypeFor[room.Life]())
)

// membersOf is the names that the fields of a struct have in JSON.
func membersOf(t reflect.Type) map[string]bool {
	names := map[string]bool{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names[name] = true
	}
	return names
}

// restOf finds what is not known in facts as they stand in the store.
func restOf(value []byte) (rest, error) {
	var all, life map[string]json.RawMessage
	err := json.Unmarshal(value, &all)
	if err != nil {
		return rest{}, fmt.Errorf("read the members of a room's facts: %w", err)
	}
	if text, ok := all[lifeMember]; ok {
		err = json.Unmarshal(text, &life)
		if err != nil {
			return rest{}, fmt.Errorf("read the members of a room's life: %w", err)
		}
	}
	return rest{facts: unknown(all, factsMembers), life: unknown(life, lifeMembers)}, nil
}

// unknown is nil where everything is known, as it is nearly always.
func unknown(all map[string]json.RawMessage, known map[string]bool) map[string]json.RawMessage {
	maps.DeleteFunc(all, func(name string, _ json.RawMessage) bool { return known[name] })
	if len(all) == 0 {
		return nil
	}
	return all
}

// encode writes facts as they go into the store, with the rest.
func (r rest) encode(f room.Facts) ([]byte, error) {
	value, err := json.Marshal(f)
	if err != nil || r.facts == nil && r.life == nil {
		return value, err
	}
	all, life := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	err = json.Unmarshal(value, &all)
	if err != nil {
		return nil, err
	}
	maps.Copy(all, r.facts)
	if r.life != nil {
		if text, ok := all[lifeMember]; ok {
			err = json.Unmarshal(text, &life)
			if err != nil {
				return nil, err
			}
		}
		maps.Copy(life, r.life)
		all[lifeMember], err = json.Marshal(life)
		if err != nil {
			return nil, err
		}
	}
	return json.Marshal(all)
}
