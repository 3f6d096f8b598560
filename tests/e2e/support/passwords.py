"""What is kept of passwords."""

from passlib.hash import bcrypt


def hashed(password: str) -> str:
    """Its hash; cheaper than `make user` makes it, so that tests wait less."""
    return str(bcrypt.using(rounds=10).hash(password))
