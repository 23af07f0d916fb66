package room

import (
	"fmt"
	"strings"
)

const maxLanguage = 16

// CheckLanguage returns the language tag (BCP 47: language, script, region, variants) as it is kept, in its usual spelling such
// as pt-BR or zh-Hant; an empty one means English. Whether such a language exists is not looked up.
func CheckLanguage(s string) (string, error) {
	if s == "" {
		return "en", nil
	}
	if len(s) > maxLanguage {
		return "", fmt.Errorf("the language tag %.20q is too long: write one such as en, fr or pt-BR", s)
	}
	parts := strings.Split(strings.ToLower(s), "-")
	for i, part := range parts {
		letters, ok := subtag(part)
		if !ok || i == 0 && (!letters || len(part) < 2) {
			return "", fmt.Errorf("%q is no language tag: write one such as en, fr or pt-BR", s)
		}
		switch {
		case i > 0 && letters && len(part) == 2:
			parts[i] = strings.ToUpper(part)
		case i > 0 && letters && len(part) == 4:
			parts[i] = strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return strings.Join(parts, "-"), nil
}

// subtag reports whether a lower-case part of a tag is well formed, and whether it is of letters only.
func subtag(part string) (letters, ok bool) {
	if part == "" || len(part) > 8 {
		return false, false
	}
	letters = true
	for i := range len(part) {
		if !isLetterOrDigit(part[i]) {
			return false, false
		}
		letters = letters && part[i] >= 'a'
	}
	return letters, true
}
