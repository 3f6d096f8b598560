// Package missing tells what was left out of the programs here, in the sentence that whoever asks for it reads.
package missing

import (
	"context"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"
	"gocloud.dev/blob"
)

// Error says that a program has no such part.
func Error(what string) error {
	return fmt.Errorf("%s is left out of this Pulumi, which was built where the official one can't be downloaded; "+
		"for it, install the official one: https://www.pulumi.com/docs/install", what)
}

// Command stands in for one of Pulumi's commands, whatever its arguments.
func Command(name string) *cobra.Command {
	return &cobra.Command{
		Use:                name,
		Hidden:             true,
		DisableFlagParsing: true,
		RunE:               func(*cobra.Command, []string) error { return Error("pulumi " + name) },
	}
}

// Bucket stands in for the states that are kept at one kind of URL.
func Bucket(scheme string) {
	blob.DefaultURLMux().RegisterBucket(scheme, bucket(scheme))
}

type bucket string

func (scheme bucket) OpenBucketURL(context.Context, *url.URL) (*blob.Bucket, error) {
	return nil, Error("a state at " + string(scheme) + "://")
}
