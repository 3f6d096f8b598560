"""Keeps the content of sites in step with their git repositories."""
