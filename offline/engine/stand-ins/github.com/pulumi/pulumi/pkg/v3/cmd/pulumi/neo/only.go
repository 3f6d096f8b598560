// Package neo stands in for the assistant of Pulumi's cloud.
package neo

import (
	"github.com/spf13/cobra"
	"homeport/offline/engine/missing"
)

// NewNeoCmd stands in for `pulumi neo`.
func NewNeoCmd() *cobra.Command { return missing.Command("neo") }
