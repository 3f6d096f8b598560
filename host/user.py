"""The user of every service that needs no particular one."""

USER = 1000
"""Id of its user and of its group, neither of which the host has to know."""
