// Package s3blob stands in for states at s3://.
package s3blob

import "homeport/offline/engine/missing"

// Scheme begins such a URL.
const Scheme = "s3"

func init() { missing.Bucket(Scheme) }
