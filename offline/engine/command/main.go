// Command pulumi-resource-command stands in for the official command plugin: local.Command alone, as far as this
// project's program uses it.
package main

import (
	"context"
	"fmt"
	"os"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"

	"homeport/offline/engine/command/local"
)

// version is that of the official plugin whose place this one takes.
const version = "1.2.1"

func provider() (p.Provider, error) {
	return infer.NewProviderBuilder().WithResources(infer.Resource(&local.Command{})).Build()
}

func main() {
	plugin, err := provider()
	if err == nil {
		err = plugin.Run(context.Background(), "command", version)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
