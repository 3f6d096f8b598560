"""Builds service images from package registries, under the names and tags that the project uses."""
