"""One file for each ComponentResource, named after it, and the few mechanisms they share."""
