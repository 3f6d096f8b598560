"""As whom a service runs that needs to be nobody in particular."""

USER = 1000
"""Id of its user and of its group, neither of which the host has to know."""
