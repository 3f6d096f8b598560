// Package s3 has what a state elsewhere needs of it.
package s3

// CopyObjectInput is looked for in every copy of a state, and never found.
type CopyObjectInput struct{ CopySource *string }
