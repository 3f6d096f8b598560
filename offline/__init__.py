"""The way to Homeport where the vendors' downloads can't be reached; see README.md."""
