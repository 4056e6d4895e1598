package bundle

import (
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"indaba/internal/core"
)

// toCommonJS turns a TypeScript file, an ES module or a script with import() into the CommonJS that the engine takes, and
// says which lines come from where.
func toCommonJS(id, text string) (string, []Segment, error) {
	result := api.Transform(text, api.TransformOptions{
		Loader: loaderFor(id), Format: api.FormatCommonJS, Platform: api.PlatformNeutral, Target: api.ES2023, Sourcefile: id,
		TsconfigRaw: "{}", LogLevel: api.LogLevelSilent, Supported: map[string]bool{"dynamic-import": false},
		Sourcemap: api.SourceMapExternal, SourcesContent: api.SourcesContentExclude,
	})
	if len(result.Errors) > 0 {
		m := result.Errors[0]
		if m.Location == nil {
			return "", nil, core.Errorf(core.Invalid, "%s: %s", id, m.Text)
		}
		return "", nil, core.Errorf(core.Invalid, "%s: %s", at(id, m.Location.Line, m.Location.Column+1), m.Text)
	}
	segments, err := readSourceMap(result.Map)
	return string(result.Code), segments, err
}

// scriptToCommonJS does so for the app script.
func (b *Bundle) scriptToCommonJS() error {
	script, made, err := toCommonJS(b.ScriptName, b.Script)
	if err != nil {
		return err
	}
	b.Segments = through(made, strings.Count(script, "\n")+1, b.Segments, b.ScriptName)
	b.Script = script
	return nil
}
