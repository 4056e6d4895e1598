package bundle

import (
	"strings"
	"testing"

	"indaba/internal/core"
)

// The ways in which Gruntfiles write what they join.
func TestGruntfile(t *testing.T) {
	files := map[string]string{"a.js": "a", "b.js": "b", "lib/c.js": "c", "lib/d.js": "d", "settings.json": `{"files": ["b.js", "a.js"]}`,
		"package.json": `{"name": "pkg", "version": "2.1.0"}`}
	cases := []struct{ name, config, app, want string }{
		{"src and dest", `concat: {x: {src: ['a.js', 'b.js'], dest: 'x.js'}}`, "", "a\nb"},
		{"files object", `concat: {all: {files: {'go-app-one.js': ['a.js'], 'go-two.js': 'b.js'}}}`, "two", "b"},
		{"files list", `concat: {all: {files: [{src: 'a.js', dest: 'build/one.js'}, {src: ['lib/*.js'], dest: 'build/two.js'}]}}`, "two", "c\nd"},
		{"target is the destination", `concat: {'go-three.js': ['b.js', 'lib/c.js']}`, "", "b\nc"},
		{"separator of the task", `concat: {options: {separator: ';\n'}, x: {src: ['a.js', 'b.js'], dest: 'x.js'}}`, "", "a;\nb"},
		{"options of the target", `concat: {options: {separator: ';'}, x: {options: {separator: '|', footer: 'F'}, src: ['a.js', 'b.js'], dest: 'x.js'}}`, "", "a|bF"},
		{"templates", `dir: 'lib', list: ['a.js', '<%= dir %>/*.js'], concat: {x: {src: '<%= list %>', dest: '<%= dir %>.js'}}`, "", "a\nc\nd"},
		{"template with an expression", `up: 'A', concat: {x: {src: ['<%= up.toLowerCase() + ".js" %>'], dest: 'x.js'}}`, "", "a"},
		{"nested lists", `g: {all: [['a.js'], ['b.js', ['lib/c.js']]]}, concat: {x: {src: ['<%= g.all %>'], dest: 'x.js'}}`, "", "a\nb\nc"},
		{"taken out", `concat: {x: {src: ['lib/*.js', '!lib/c.js'], dest: 'x.js'}}`, "", "d"},
		{"read JSON", `s: grunt.file.readJSON('settings.json'), concat: {x: {src: '<%= s.files %>', dest: 'x.js'}}`, "", "b\na"},
		{"required JSON", `concat: {x: {src: require('./settings.json').files, dest: 'x.js'}}`, "", "b\na"},
		{"file.expand", `concat: {x: {src: grunt.file.expand(['lib/*.js', 'gone/*.js']).reverse(), dest: 'x.js'}}`, "", "d\nc"},
		{"file.exists", `concat: {x: {src: grunt.file.exists('gone.js') ? 'gone.js' : 'a.js', dest: 'x.js'}}`, "", "a"},
		{"other outputs", `concat: {css: {src: 'style.css', dest: 'style.css'}, x: {src: 'a.js', dest: 'x.js'}}`, "", "a"},
		{"unknown parts of grunt", `v: grunt.option('v') || 1, now: grunt.template.today('yyyy'), c: grunt.util._.map([1], String), concat: {x: {src: 'a.js', dest: 'x.js'}}`, "", "a"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			files["Gruntfile.js"] = "'use strict';\nmodule.exports = function (grunt) {\n  grunt.initConfig({" + c.config + "});\n" +
				"  grunt.registerTask('default', ['concat']);\n};\n"
			b := mustRead(t, folder(t, files), Options{App: c.app})
			if b.Script != c.want {
				t.Errorf("the script is %q, want %q", b.Script, c.want)
			}
		})
	}
}

// Gruntfiles that cannot be followed are told, not guessed at; a Gruntfile without scripts to join is passed over.
func TestGruntfileRefused(t *testing.T) {
	for text, want := range map[string]string{
		"module.exports = function (grunt) { grunt.initConfig({concat: {a: {src: 'a.js', dest: 'a.js'}, b: {src: 'b.js', dest: 'b.js'}}}); };": "choose one of: a, b",
		"module.exports = function (grunt) { throw new Error('no concat today'); };":                                                           "Gruntfile.js: no concat today",
		"module.exports = function (grunt) {\n  concat: {\n};":                                                                                 "Gruntfile.js:",
		"module.exports = {concat: 1};":                                   "Gruntfile.js: ",
		"module.exports = function (grunt) { for (;;) {} /* concat */ };": "Gruntfile.js: cpu",
		"require('./tasks/concat.js');":                                   "only JSON files can be required here",
		"module.exports = function (grunt) { grunt.initConfig({concat: {a: {src: grunt.file.read('gone'), dest: 'a.js'}}}); };":   `Unable to read "gone" file`,
		"module.exports = function (grunt) { grunt.initConfig({concat: {a: {src: grunt.file.read('../x'), dest: 'a.js'}}}); };":   "leads out of the bot's folder",
		"module.exports = function (grunt) { grunt.initConfig({x: '<%= x %>', concat: {a: {src: '<%= x %>', dest: 'a.js'}}}); };": "templates refer to each other without end",
		"module.exports = function (grunt) { grunt.initConfig({concat: {a: {src: ['gone.js'], dest: 'a.js'}}}); };":               "Gruntfile.js: concat target a: there is no file gone.js",
		"module.exports = function (grunt) { for (var i = 0; ; i++) { grunt.file.exists('concat' + i); } };":                      "reads more than 64 files",
	} {
		_, err := Read(folder(t, map[string]string{"Gruntfile.js": text, "a.js": "1", "b.js": "2"}), Options{})
		if core.KindOf(err) != core.Invalid && core.KindOf(err) != core.NotFound || !strings.Contains(core.SafeMessage(err), want) {
			t.Errorf("%s\ngave %v, want %s", text, err, want)
		}
	}
	b := mustRead(t, folder(t, map[string]string{"Gruntfile.js": "module.exports = function (grunt) { grunt.initConfig({concat: {}}); };", "src/index.js": "api"}), Options{})
	if b.Script != "api" {
		t.Errorf("the script is %q", b.Script)
	}
}
