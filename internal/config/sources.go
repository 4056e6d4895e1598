package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

const (
	defaultFile = "indaba.yaml"
	envPrefix   = "INDABA_"
	testPrefix  = "INDABA_TEST_" // read by tests, never by the server
)

// Sources finds the values of settings that no flag gave: in the environment, then in the settings file. It remembers
// where each value came from. It is a kong resolver; one Sources serves one parse.
type Sources struct {
	env     map[string]string
	known   []string // names of all settings, as in the file
	path    string   // settings file that was read; empty when there is none
	file    map[string]fileValue
	origins map[string]string
	loaded  bool
	err     error
}

// NewSources returns the sources for an environment in the form of os.Environ. An empty variable counts as not set.
func NewSources(env []string) *Sources {
	s := &Sources{env: map[string]string{}, origins: map[string]string{}}
	for _, flag := range flags(&Config{}) {
		s.known = append(s.known, settingName(flag))
	}
	for _, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, envPrefix) && !strings.HasPrefix(name, testPrefix) && !isServiceLink(name) && value != "" {
			s.env[name] = value
		}
	}
	return s
}

// isServiceLink reports variables that Kubernetes sets in every container when a service is called indaba, such as
// INDABA_PORT and INDABA_SERVICE_HOST. No setting has such a name.
func isServiceLink(name string) bool {
	rest := strings.TrimPrefix(name, envPrefix)
	for _, link := range []string{"PORT", "SERVICE_HOST", "SERVICE_PORT"} {
		if rest == link || strings.HasPrefix(rest, link+"_") {
			return true
		}
	}
	return false
}

// Options returns what kong needs for commands that embed [Config].
func (s *Sources) Options() []kong.Option {
	return []kong.Option{durationMapper(), kong.Resolvers(s), kong.ValueFormatter(s.formatHelp)}
}

// Origin says where the value of a setting came from: "--listen", "INDABA_LISTEN", "indaba.yaml:3" or "default".
func (s *Sources) Origin(name string) string {
	if origin, ok := s.origins[name]; ok {
		return origin
	}
	return "default"
}

func (s *Sources) isSetting(name string) bool { return slices.Contains(s.known, name) }

// Validate has nothing to say about the commands; it makes Sources a kong.Resolver.
func (*Sources) Validate(*kong.Application) error { return nil }

// SourceError is a mistake in the settings file or in the environment. Its text begins with where that is, such as
// "indaba.yaml:3", while kong's own error around it begins with a flag that nobody gave.
type SourceError struct{ error }

// Unwrap returns the error.
func (e *SourceError) Unwrap() error { return e.error }

// Resolve returns the value of a flag that the command line did not give, or nil for its default. It is called by
// kong. The first call reads the file, and fails when the file or the environment has a setting that does not exist.
// Its errors are of type [SourceError].
func (s *Sources) Resolve(ctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	text, err := s.resolve(ctx, flag)
	if err != nil {
		return nil, &SourceError{err}
	}
	return text, nil
}

func (s *Sources) resolve(ctx *kong.Context, flag *kong.Flag) (any, error) {
	name := settingName(flag)
	if !s.isSetting(name) {
		return nil, nil
	}
	if !s.loaded {
		s.loaded = true
		s.err = s.load(ctx)
	}
	if s.err != nil {
		return nil, s.err
	}
	text, origin := s.find(name)
	if origin == "" {
		return nil, nil
	}
	s.origins[name] = origin
	if s.file[name].list && !flag.IsSlice() && origin != envName(name) {
		return nil, fmt.Errorf("%s: %s: is one value, not a list", origin, name)
	}
	// Kong's own complaint would not say where the value stands.
	scratch := reflect.New(flag.Target.Type()).Elem()
	if err := flag.Parse(kong.Scan().PushTyped(text, kong.FlagValueToken), scratch); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", origin, name, errors.Unwrap(err)) // without the flag before it
	}
	return text, nil
}

func (s *Sources) find(name string) (text, origin string) {
	if value, ok := s.env[envName(name)]; ok {
		return value, envName(name)
	}
	if value, ok := s.file[name]; ok {
		return value.text, fmt.Sprintf("%s:%d", s.path, value.line)
	}
	return "", ""
}

// load notes what the command line gave, reads the file and reports every setting that does not exist.
func (s *Sources) load(ctx *kong.Context) error {
	path, explicit := s.env[envPrefix+"CONFIG"], true
	for _, element := range ctx.Path {
		if element.Flag == nil {
			continue
		}
		s.origins[settingName(element.Flag)] = "--" + element.Flag.Name
		if element.Flag.Name == "config" {
			path = fmt.Sprint(ctx.FlagValue(element.Flag))
		}
	}
	if path == "" {
		path, explicit = defaultFile, false
	}
	values, err := readFile(path)
	if !explicit && (errors.Is(err, fs.ErrNotExist) || s.isManifest(values)) {
		err = nil
	} else {
		s.path, s.file = path, values
	}
	return errors.Join(err, s.unknown())
}

// isManifest reports whether a file is the manifest of a bot (docs/guide/bots.md), which has the same name in the bot's
// folder: it names a script, and no setting.
func (s *Sources) isManifest(file map[string]fileValue) bool {
	for name := range file {
		if name != "config" && s.isSetting(name) { // that word is in both
			return false
		}
	}
	_, one := file["script"]
	_, several := file["scripts"]
	return one || several
}

func (s *Sources) unknown() error {
	var problems []error
	for _, key := range slices.Sorted(maps.Keys(s.file)) {
		at := fmt.Sprintf("%s:%d", s.path, s.file[key].line)
		if key == "config" {
			problems = append(problems, fmt.Errorf("%s: config cannot stand in the settings file itself", at))
		} else if !s.isSetting(key) {
			problems = append(problems, fmt.Errorf("%s: there is no setting %s%s", at, key, suggest(key, s.known)))
		}
	}
	variables := make([]string, len(s.known))
	for i, name := range s.known {
		variables[i] = envName(name)
	}
	for _, variable := range slices.Sorted(maps.Keys(s.env)) {
		if !slices.Contains(variables, variable) {
			problems = append(problems,
				fmt.Errorf("environment: there is no setting %s%s", variable, suggest(variable, variables)))
		}
	}
	return errors.Join(problems...)
}

// Parse reads settings from flags and the environment without any command around them, and checks them.
func Parse(args, env []string) (*Config, *Sources, error) {
	c, s := &Config{}, NewSources(env)
	options := append(s.Options(), kong.Name("indaba"), kong.NoDefaultHelp())
	parser, err := kong.New(c, options...)
	if err != nil {
		return nil, nil, fmt.Errorf("settings: %w", err)
	}
	_, err = parser.Parse(args)
	if mistake, ok := errors.AsType[*SourceError](err); ok {
		return nil, nil, mistake
	}
	if err != nil {
		return nil, nil, fmt.Errorf("settings: %w", err)
	}
	if err := c.Check(); err != nil {
		return nil, nil, err
	}
	return c, s, nil
}
