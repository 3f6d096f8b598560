// Package cloud stands in for secrets that a cloud's or a vault's key encrypts.
package cloud

import (
	"encoding/json"

	"github.com/pulumi/pulumi/pkg/v3/secrets"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"homeport/offline/engine/missing"
)

// Type is what such a state names as its secrets provider.
const Type = "cloud"

// EditProjectStack would write the key into a stack's file.
func EditProjectStack(*workspace.ProjectStack, json.RawMessage) error {
	return missing.Error("a secrets provider of a cloud")
}

// NewCloudSecretsManagerFromState would read the key from a state.
func NewCloudSecretsManagerFromState(json.RawMessage) (secrets.Manager, error) {
	return nil, missing.Error("a secrets provider of a cloud")
}

// NewCloudSecretsManager would make or read the key of a stack.
func NewCloudSecretsManager(_ *workspace.ProjectStack, provider string, _ bool) (secrets.Manager, error) {
	return nil, missing.Error("the secrets provider " + provider)
}
