package provider

import (
	"context"

	"github.com/docker/cli/cli/command"
	"github.com/docker/docker/client"
	"homeport/offline/engine/missing"
)

type buildOptions struct{}

// Only images without a `build` come here, for which nobody asks it.
func canUseBuildx(context.Context, *client.Client) (bool, error) { return true, nil }

func mapBuildAttributesToBuildOptions(map[string]interface{}, string, command.Cli) (buildOptions, error) {
	return buildOptions{}, missing.Error("docker.RemoteImage with build")
}

func runBuild(context.Context, command.Cli, buildOptions, string) error { return nil }
