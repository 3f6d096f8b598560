package operations

import (
	"context"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"homeport/offline/engine/missing"
)

// GCPOperationsProvider would read the logs of what runs at Google's cloud.
func GCPOperationsProvider(context.Context, map[config.Key]string, *Resource) (Provider, error) {
	return nil, missing.Error("pulumi logs of Google's cloud")
}
