package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	housing        = "plugins:\n  - {name: housing, path: bin/rules}\n"
	askHousing     = "    conflict: {policy: plugin, plugin: housing}\n"
	emulateHousing = "    triggers: emulate\n    emulator: housing\n"
	asked          = "sync.yaml line 8: tables[0].conflict: "
	digits         = "must be the SHA-256 of the plugin's file, 64 hexadecimal digits, as sha256sum prints it"
	notAProgram    = "bf0025e2fe8d4351b2addd0c80e9ccca5514aeec42bba507009a21afcc5dcb5c" // of "no program\n"
)

// misnamedPlugins are mistakes about plugins that the file alone shows.
var misnamedPlugins = []badInput{
	{name: "policy of no plugin", file: with("    conflict: plugin\n"), want: asked + "the policy plugin needs `plugin`, the name of one that plugins has"},
	{name: "plugin of another policy", file: with("    conflict: {policy: park, plugin: housing}\n"), want: asked + "the policy park takes no `plugin`; take it out"},
	{name: "plugin that there is not", file: with(askHousing), want: asked + `there is no plugin "housing"; the file has no plugins`},
	{name: "plugin of another name", file: with("    conflict: [{policy: plugin, plugin: hosing}, park]\n" + housing), want: `sync.yaml line 8: tables[0].conflict[0]: there is no plugin "hosing"; plugins has housing`},
	{name: "plugin that nobody asks", file: with(housing), want: "sync.yaml line 9: plugins[0]: no table asks the plugin housing; name it in a table's conflict or emulator, or take it out"},
	{name: "plugin twice", file: with(askHousing + housing + "  - {name: housing, path: bin/other}\n"), want: "sync.yaml line 11: plugins[1]: housing is the name of a plugin already, at line 10"},
	{name: "plugin without a name", file: with("plugins: [{path: bin/rules}]\n"), want: "sync.yaml line 8: plugins[0]: name and path are required: what tables call the plugin, and where its program is"},
	{name: "plugin without a path", file: with("plugins: [{name: housing}]\n"), want: "sync.yaml line 8: plugins[0]: name and path are required: what tables call the plugin, and where its program is"},
	{name: "unknown key of a plugin", file: with("plugins: [{nme: housing}]\n"), want: "sync.yaml line 8: plugins[0].nme: unknown key; known here are call_timeout, config, name, path, sha256, start_timeout"},
}

// badPlugins are plugins that cannot be used, as run and check see it.
var badPlugins = []badInput{
	badPlugin("plugin's file missing", "", "cannot be read from DIR/rules: no such file or directory; give the right path, of a file that this user may read", ""),
	{name: "plugin that is a pipe", want: "plugin housing cannot be read from DIR/rules: it is not a regular file; give the right path, of a file that this user may read", check: "plugin housing: cannot be read from DIR/rules: it is not a regular file; give the right path, of a file that this user may read",
		make: func(s *site) {
			if err := syscall.Mkfifo(filepath.Join(s.dir, "rules"), 0o700); err != nil {
				s.t.Fatal(err)
			}
			s.configurePlugin("rules", notAProgram, "")
		}},
	badPlugin("plugin without a checksum", "no program\n", "has no sha256; that of DIR/rules is "+notAProgram+", to be given if it is the file that is meant", ""),
	badPlugin("plugin's file is another", "no program\n", "was not started, since DIR/rules is not the file that is meant: its sha256 is "+notAProgram, strings.Repeat("0", 64)),
	badPlugin("plugin that is no program", "no program\n", "cannot be started from DIR/rules: exec format error; give the path of a program for this machine", notAProgram),
	badPlugin("program that is no plugin", "#!/bin/sh\necho housing\n", "cannot be used: DIR/rules is not a plugin, or wrote to its standard output before it said that it is one", own),
	badPlugin("program that ends", "#!/bin/sh\nexit 3\n", "ended with exit status 3 before it said that it is a plugin; see that path is the plugin", own),
	badPlugin("plugin of another release", "#!/bin/sh\necho '1|7|unix|/tmp/x|grpc|'\n", "cannot be used: DIR/rules speaks version 7 of the protocol, and this program speaks version 1; build the two with the same release", own),
	badRules("plugin that decides nothing", "emulating", "decides no conflicts, and those of dbo.tenagree are left to it; give that table another policy", ""),
	{name: "plugin that emulates nothing", want: "plugin housing emulates no triggers, and those of dbo.tenagree are left to it; choose suppress for that table, or let them fire",
		check: "plugin housing: emulates no triggers, and those of dbo.tenagree are left to it; choose suppress for that table, or let them fire",
		make: func(s *site) {
			s.configure(tables + emulateHousing + "plugins:\n  - {name: housing, path: unhurried, sha256: \"" + s.link("unhurried") + "\"}\n")
		}},
	badRules("plugin that takes no settings", "emulating", "refuses its configuration: it takes none", "dwelling_level: 7"),
	badRules("plugin that refuses a setting", "housing-rules", "refuses its configuration: outcomes has \"SOT\", which is not two codes such as SOT=SUP", "outcomes: SOT"),
	{name: "plugin that quotes a secret", want: `plugin housing refuses its configuration: outcomes has "[hidden]", which is not two codes such as SOT=SUP`,
		check: `plugin housing: refuses its configuration: outcomes has "[hidden]", which is not two codes such as SOT=SUP`,
		make: func(s *site) {
			s.env = []string{"OUTCOMES=hunter2"}
			s.configurePlugin("housing-rules", s.link("housing-rules"), "outcomes: '${OUTCOMES}'")
		}},
}

// own stands for the checksum that the file has.
const own = "own"

// badPlugin is one whose file has that text; "" is no file.
func badPlugin(name, text, problem, sum string) badInput {
	return badInput{
		name: name, want: "plugin housing " + problem, check: "plugin housing: " + problem,
		make: func(s *site) {
			path, sum := filepath.Join(s.dir, "rules"), sum
			if text != "" {
				if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
					s.t.Fatal(err)
				}
			}
			if sum == own {
				sum = fileSum(s.t, path)
			}
			s.configurePlugin("rules", sum, "")
		},
	}
}

// badRules is one that is started, with a setting.
func badRules(name, rules, problem, setting string) badInput {
	return badInput{
		name: name, want: "plugin housing " + problem, check: "plugin housing: " + problem,
		make: func(s *site) { s.configurePlugin(rules, s.link(rules), setting) },
	}
}

// configurePlugin leaves the table's conflicts to a plugin in the site's folder.
func (s *site) configurePlugin(path, sum, setting string) {
	s.t.Helper()
	text := tables + askHousing + "plugins:\n  - name: housing\n    path: " + path + "\n"
	if sum != "" {
		text += "    sha256: \"" + sum + "\"\n"
	}
	if setting != "" {
		text += "    config: {" + setting + "}\n"
	}
	s.configure(text)
}
