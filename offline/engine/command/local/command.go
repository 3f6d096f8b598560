// Package local implements Command with the semantics of the official plugin's local.Command, for the inputs Create,
// Stdin and Triggers. Pulumi's name for the resource, command:local:Command, comes from the names of this package and
// this type.
package local

import (
	"context"
	"fmt"
	"slices"
	"strings"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Command is a command that runs on this machine.
type Command struct{}

// Inputs are what the program says. A change of Triggers replaces the resource, any other change updates it; both run
// Create again.
type Inputs struct {
	Create   *string `pulumi:"create,optional"`
	Stdin    *string `pulumi:"stdin,optional"`
	Triggers *[]any  `pulumi:"triggers,optional" provider:"replaceOnChanges"`
}

// Outputs are what the state keeps.
type Outputs struct {
	Inputs
	Stdout string `pulumi:"stdout"`
	Stderr string `pulumi:"stderr"`
}

var known = []string{"create", "stdin", "triggers"}

// Check refuses what the official plugin would obey and this one would forget.
func (*Command) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[Inputs], error) {
	var unknown []string
	for name := range req.NewInputs.AsMap() {
		if !slices.Contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		// The failure names no property, because the engine would print that property's value, secrets included.
		return infer.CheckResponse[Inputs]{Failures: []p.CheckFailure{{Reason: fmt.Sprintf(
			"the command plugin that offline/engine built knows %s but not %s: leave that out, or put the official "+
				"plugin in its place with: pulumi plugin install resource command %s --reinstall",
			strings.Join(known, ", "), strings.Join(unknown, ", "), p.GetRunInfo(ctx).Version)}}}, nil
	}
	inputs, failures, err := infer.DefaultCheck[Inputs](ctx, req.NewInputs)
	return infer.CheckResponse[Inputs]{Inputs: inputs, Failures: failures}, err
}

// Create runs the command. One that fails leaves nothing in the state, so the next update runs it again.
func (*Command) Create(
	ctx context.Context, req infer.CreateRequest[Inputs],
) (infer.CreateResponse[Outputs], error) {
	id, err := resource.NewUniqueHex(req.Name, 8, 0)
	if err != nil {
		return infer.CreateResponse[Outputs]{}, err
	}
	output, err := apply(ctx, req.Inputs, Outputs{}, req.DryRun)
	return infer.CreateResponse[Outputs]{ID: id, Output: output}, err
}

// Update runs the command again. One that fails leaves the state as it was.
func (*Command) Update(
	ctx context.Context, req infer.UpdateRequest[Inputs, Outputs],
) (infer.UpdateResponse[Outputs], error) {
	output, err := apply(ctx, req.Inputs, req.State, req.DryRun)
	return infer.UpdateResponse[Outputs]{Output: output}, err
}

// apply runs nothing in a preview; the library then marks stdout and stderr as unknown where inputs changed.
func apply(ctx context.Context, inputs Inputs, old Outputs, preview bool) (Outputs, error) {
	output := Outputs{Inputs: inputs, Stdout: old.Stdout, Stderr: old.Stderr}
	if preview || inputs.Create == nil {
		return output, nil
	}
	var err error
	output.Stdout, output.Stderr, err = run(ctx, inputs, old)
	return output, err
}
