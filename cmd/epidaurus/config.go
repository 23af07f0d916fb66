package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"
)

// tomlFile reads a configuration file: keys are the names of flags. It is weaker than the environment and the command line.
func tomlFile(r io.Reader) (kong.Resolver, error) {
	values := map[string]any{}
	_, err := toml.NewDecoder(r).Decode(&values)
	if err != nil {
		file := "the configuration file"
		if named, ok := r.(interface{ Name() string }); ok {
			file = named.Name()
		}
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return configFile(values), nil
}

type configFile map[string]any

// Validate refuses a key that no flag has: a misspelt setting must not pass for one that was set.
func (f configFile) Validate(app *kong.Application) error {
	var known []string
	err := kong.Visit(app, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok {
			known = append(known, flag.Name)
		}
		return next(nil)
	})
	if err != nil {
		return err
	}
	for key := range f {
		if !slices.Contains(known, key) {
			return fmt.Errorf("configuration file: there is no setting %q; see epidaurus serve --help for all", key)
		}
	}
	return nil
}

// Resolve gives a flag's value, unless the environment has one.
func (f configFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Envs {
		if _, set := os.LookupEnv(env); set {
			return nil, nil
		}
	}
	value := f[flag.Name]
	if _, reads := flag.Target.Addr().Interface().(interface{ UnmarshalText([]byte) error }); reads {
		return asText(value), nil
	}
	return value, nil
}

// asText is a number of the file as it would stand on the command line, for settings that read text: 1e6 may stand there without quotes.
func asText(value any) any {
	switch v := value.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return value
}
