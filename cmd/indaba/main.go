// Command indaba is the server and everything around it in one program: run it without arguments for what it can do.
package main

import (
	"os"
	_ "time/tzdata" // bots name time zones, and the machine may know none

	"indaba/internal/bot/js"
	"indaba/internal/cli"
)

func main() {
	js.ServeChild()
	os.Exit(cli.Main(os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}
