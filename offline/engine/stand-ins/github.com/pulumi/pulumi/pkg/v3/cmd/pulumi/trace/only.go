// Package trace stands in for the page that shows a trace of an update.
package trace

import (
	"github.com/spf13/cobra"
	"homeport/offline/engine/missing"
)

// NewViewTraceCmd stands in for `pulumi view-trace`.
func NewViewTraceCmd() *cobra.Command { return missing.Command("view-trace") }

// NewConvertTraceCmd stands in for `pulumi convert-trace`.
func NewConvertTraceCmd() *cobra.Command { return missing.Command("convert-trace") }
