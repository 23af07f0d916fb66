//go:build noaac

package codec

// HasAAC reports whether the program was built with an encoder of AAC.
const HasAAC = false

func newAACEncoder(int) (aacEncoder, error) { return nil, ErrNoAAC }
