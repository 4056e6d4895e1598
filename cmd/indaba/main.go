// Command indaba is the server and everything around it in one program: run it without arguments for what it can do.
package main

import (
	"fmt"
	"os"
	_ "time/tzdata" // bots name time zones, and the machine may know none

	"indaba/internal/bot/js"
	"indaba/internal/cli"
)

func main() {
	if js.IsChild() {
		if err := js.ChildMain(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "indaba: JavaScript machine:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(cli.Main(os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}
