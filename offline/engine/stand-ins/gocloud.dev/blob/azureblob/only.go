// Package azureblob stands in for states at azblob://.
package azureblob

import "homeport/offline/engine/missing"

// Scheme begins such a URL.
const Scheme = "azblob"

func init() { missing.Bucket(Scheme) }
