package config

import (
	"strings"

	"github.com/alecthomas/kong"

	"indaba/internal/core"
)

// flags returns the settings in the order of their fields, each bound to its field of c.
func flags(c *Config) []*kong.Flag {
	parser, err := kong.New(c, kong.Name("indaba"), kong.NoDefaultHelp(), durationMapper())
	if err != nil {
		panic("the tags of Config are wrong: " + err.Error())
	}
	return parser.Model.Flags
}

func settingName(flag *kong.Flag) string { return strings.ReplaceAll(flag.Name, "-", "_") }

func envName(setting string) string { return envPrefix + strings.ToUpper(setting) }

// formatHelp adds the name of the environment variable to the help of a setting.
func (s *Sources) formatHelp(value *kong.Value) string {
	help := kong.DefaultHelpValueFormatter(value)
	if value.Flag == nil || !s.isSetting(settingName(value.Flag)) {
		return help
	}
	return help + " ($" + envName(settingName(value.Flag)) + ")"
}

// suggest names the known word nearest to an unknown one, when there is one near enough to be meant.
func suggest(word string, known []string) string {
	best := core.Nearest(word, known)
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}
