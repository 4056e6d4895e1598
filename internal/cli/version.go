package cli

import "runtime/debug"

type versionCommand struct{}

// Run prints the version.
func (*versionCommand) Run(i *invocation) error {
	return i.say(map[string]string{"version": version()}, "indaba %s", version())
}

// version returns what Go's build noted: the version of the module, which names tag and commit when the program was
// built in a checkout.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "development"
	}
	return info.Main.Version
}
