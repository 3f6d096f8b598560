"""What a person types: the commands behind the make targets."""
