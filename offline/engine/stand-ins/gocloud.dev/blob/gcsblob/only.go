// Package gcsblob stands in for states at gs://.
package gcsblob

import "homeport/offline/engine/missing"

// Scheme begins such a URL.
const Scheme = "gs"

func init() { missing.Bucket(Scheme) }
