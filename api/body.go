package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"unicode/utf8"

	"github.com/epidaurus-live/epidaurus/internal/problem"
)

// maxBody is how many bytes a request's body may have.
const maxBody = 64 << 10

// member is one that a request's object may have.
type member struct {
	name     string
	into     any // *string, *bool, *int or a pointer to a list, or a pointer to one of these, which stays nil where the member is left out
	optional bool
}

func badRequest(format string, args ...any) error {
	return problem.New(problem.BadRequest, fmt.Sprintf(format, args...))
}

// readObject reads the request's body, one JSON object with these members and no others. Where there are none, a body may be left
// out, and with it its type.
func readObject(w http.ResponseWriter, r *http.Request, members ...member) error {
	if len(members) == 0 && r.ContentLength == 0 {
		return nil
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	if !utf8.Valid(body) {
		return badRequest("The body is not UTF-8 text.")
	}
	var object map[string]json.RawMessage
	err = json.Unmarshal(body, &object)
	if err != nil || object == nil {
		return badRequest("The body is not a JSON object.")
	}
	for _, m := range members {
		raw, ok := object[m.name]
		delete(object, m.name)
		switch {
		case !ok && m.optional:
			continue
		case !ok:
			return badRequest("The member %q is missing.", m.name)
		}
		err = json.Unmarshal(raw, m.into)
		if err != nil || string(raw) == "null" {
			return badRequest("The member %q has to be %s.", m.name, kind(m.into))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		return badRequest("The member %.40q is not known here.", name)
	}
	return nil
}

func kind(into any) string {
	switch into.(type) {
	case *bool, **bool:
		return "true or false"
	case *int, **int:
		return "a whole number"
	}
	if t := reflect.TypeOf(into).Elem(); t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Slice {
		return "a list"
	}
	return "a string"
}

// readBody insists on JSON's own type, which a form on another site cannot send.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/json" {
		return nil, problem.New(problem.WrongType, "Send the body as application/json.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, problem.New(problem.TooLarge, fmt.Sprintf("The body may have at most %d bytes.", maxBody))
	case err != nil:
		return nil, badRequest("The body could not be read to its end.")
	}
	return body, nil
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the reader may be gone; nobody is left to tell
	return nil
}
