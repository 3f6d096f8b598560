// Package postgres stands in for states in a PostgreSQL database.
package postgres

import "homeport/offline/engine/missing"

func init() { missing.Bucket("postgres") }
