// Package shim reaches the provider's internal package: Go allows that only below the provider's own module path,
// which is why this module bears that path.
package shim

import (
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/terraform-providers/terraform-provider-docker/internal/provider"
)

// NewProvider makes the Terraform provider that the official plugin wraps.
func NewProvider() *schema.Provider { return provider.New("dev")() }
