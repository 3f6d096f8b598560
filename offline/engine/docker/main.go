// Command pulumi-resource-docker stands in for the official docker plugin: Pulumi's own bridge around the same
// Terraform provider, with the tokens and property names that the Python package pulumi_docker sends. The one
// resource it lacks is docker.Image; docker.RemoteImage builds as well.
package main

import (
	"unicode"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	bridgetokens "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/terraform-providers/terraform-provider-docker/shim"
)

// version is that of the official plugin whose place this one takes.
const version = "5.2.0"

// token names a resource as the official plugin does: docker:index/remoteImage:RemoteImage.
func token(name string) tokens.Type {
	return tokens.Type("docker:index/" + string(unicode.ToLower(rune(name[0]))) + name[1:] + ":" + name)
}

func provider() tfbridge.ProviderInfo {
	info := tfbridge.ProviderInfo{
		P:            shimv2.NewProvider(shim.NewProvider()),
		Name:         "docker",
		Version:      version,
		MetadataInfo: tfbridge.NewProviderMetadata([]byte("{}")),
		Config: map[string]*tfbridge.SchemaInfo{
			"host": {Default: &tfbridge.DefaultInfo{
				EnvVars: []string{"DOCKER_HOST"},
				Value:   "unix:///var/run/docker.sock",
			}},
			"registry_auth": {Name: "registryAuth", MaxItemsOne: tfbridge.False()},
		},
		// Only where the official names differ from those that MustComputeTokens makes. A list of its own name
		// stays singular, else the bridge would make a plural of it.
		Resources: map[string]*tfbridge.ResourceInfo{
			"docker_container": {
				Tok:                 token("Container"),
				DeleteBeforeReplace: true,
				Fields: map[string]*tfbridge.SchemaInfo{
					"command":           {Name: "command"},
					"networks_advanced": {Name: "networksAdvanced"},
				},
			},
			"docker_image": {
				Tok:    token("RemoteImage"),
				Fields: map[string]*tfbridge.SchemaInfo{"name": {Name: "name"}},
			},
			"docker_config": {Tok: token("ServiceConfig")},
		},
		DataSources: map[string]*tfbridge.DataSourceInfo{
			"docker_image": {Tok: "docker:index/getRemoteImage:getRemoteImage"},
		},
	}
	info.MustComputeTokens(bridgetokens.SingleModule("docker_", "index", bridgetokens.MakeStandard("docker")))
	info.SetAutonaming(255, "-")
	return info
}

func main() {
	// The schema only serves code generation, and the Python package is generated already.
	tfbridge.Main("docker", version, provider(), []byte("{}"))
}
